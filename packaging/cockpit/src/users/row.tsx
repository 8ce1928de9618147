// A user in the table.

import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { Label } from "@patternfly/react-core/dist/esm/components/Label";
import { Td, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { _, day, format, moment } from "../words";
import { place } from "./names";
import { isWaiting, type Column, type Person } from "./people";
import { Said } from "./said";

export interface RowDeeds {
    disable: (name: string) => void;
    unlock: (name: string) => void;
}

interface Props extends RowDeeds {
    person: Person;
    index: number;
    isOwn: boolean;
    isMarked: boolean;
    /** Null where the user cannot be chosen. */
    mark: ((is: boolean) => void) | null;
    heading: (column: Column) => string;
}

export function Row({ person, index, isOwn, isMarked, mark, heading, disable, unlock }: Props) {
    const { name, enrolled, since, used, waits, isClosed } = person;
    return (
        <Tr>
            <Td className="pf-v6-c-table__check">
                <Checkbox id={`select-${index}`} aria-label={format(_("Select $0"), name)} isDisabled={mark === null}
                    isChecked={isMarked && mark !== null} onChange={(_event, is) => mark?.(is)} />
            </Td>
            <Td dataLabel={heading("name")} modifier="breakWord">{name}</Td>
            <Td dataLabel={heading("enrolled")}><Enrolled person={person} /></Td>
            <Td dataLabel={heading("since")}>{since === null ? "" : day(since)}</Td>
            <Td dataLabel={heading("used")}>{used === null ? enrolled ? _("Never") : "" : moment(used)}</Td>
            <Td dataLabel={heading("waits")}>
                {isClosed && <div>{_("Everywhere: only two codes in a row are accepted")}</div>}
                {waits.map(wait => (
                    <div key={wait.lane}>
                        {format(_("From $0, until $1"), place(wait), moment(wait.until_at))}
                    </div>
                ))}
            </Td>
            <Td className="pam-totp-deeds" modifier="fitContent">
                {isWaiting(person) && (
                    <Button variant="link" isInline aria-label={format(_("Unlock $0"), name)} onClick={() => unlock(name)}>
                        {_("Unlock")}
                    </Button>
                )}
                {mark !== null && (
                    <Button variant="link" isInline isDanger aria-label={format(_("Disable $0"), name)}
                        onClick={() => disable(name)}>
                        {_("Disable")}
                    </Button>
                )}
                {isOwn && <span>{_("You: see My account")}</span>}
            </Td>
        </Tr>
    );
}

export function Enrolled({ person }: { person: Person }) {
    const { enrolled, problem } = person;
    if (problem !== null) {
        return <><Label status="danger" isCompact>{_("Cannot be used")}</Label> <small><Said>{problem}</Said></small></>;
    }
    if (!enrolled) {
        return <Label isCompact variant="outline">{_("Not enrolled")}</Label>;
    }
    return isWaiting(person) ? <Label status="warning" isCompact>{_("Two codes needed")}</Label>
        : <Label status="success" isCompact>{_("Enrolled")}</Label>;
}
