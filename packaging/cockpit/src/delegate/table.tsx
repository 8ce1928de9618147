// A delegate's users, and what the delegate may do for each.

import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { place } from "../users/names";
import { isWaiting, type Person } from "../users/people";
import { Enrolled } from "../users/row";
import { _, format, moment } from "../words";
import type { Delegate, Right } from "./rights";

interface Props {
    people: Person[];
    delegate: Delegate;
    put: (right: Right, name: string) => void;
}

export function TheirUsers({ people, delegate, put }: Props) {
    const deeds = (person: Person) => [
        { right: "status" as const, label: format(_("Show $0"), person.name), text: _("Show"), is: true },
        { right: "unlock" as const, label: format(_("Unlock $0"), person.name), text: _("Unlock"), is: isWaiting(person) },
        { right: "backup-codes" as const, label: format(_("Backup code for $0"), person.name), text: _("Backup code"), is: person.enrolled },
        { right: "remove" as const, label: format(_("Disable $0"), person.name), text: _("Disable"), is: person.enrolled },
    ].filter(({ right, is }) => is && delegate.may(right) && !(right === "status" && delegate.may("list")));
    return (
        <Table aria-label={_("Your users")} variant="compact" gridBreakPoint="grid-lg" className="pam-totp-users">
            <Thead>
                <Tr>
                    <Th modifier="wrap">{_("User")}</Th>
                    <Th modifier="wrap">{_("Status")}</Th>
                    <Th modifier="wrap">{_("Last use")}</Th>
                    <Th modifier="wrap">{_("Two codes needed")}</Th>
                    <Th screenReaderText={_("Actions")} />
                </Tr>
            </Thead>
            <Tbody>
                {people.map(person => (
                    <Tr key={person.name}>
                        <Td dataLabel={_("User")} modifier="breakWord">{person.name}</Td>
                        <Td dataLabel={_("Status")}><Enrolled person={person} /></Td>
                        <Td dataLabel={_("Last use")}>{lastUse(person, delegate)}</Td>
                        <Td dataLabel={_("Two codes needed")}>
                            {person.waits.map(wait => (
                                <div key={wait.lane}>{format(_("From $0, until $1"), place(wait), moment(wait.until_at))}</div>
                            ))}
                        </Td>
                        <Td className="pam-totp-deeds" modifier="fitContent">
                            {deeds(person).map(({ right, label, text }) => (
                                <Button key={right} variant="link" isInline isDanger={right === "remove"} aria-label={label}
                                    onClick={() => put(right, person.name)}>
                                    {text}
                                </Button>
                            ))}
                        </Td>
                    </Tr>
                ))}
                {people.length === 0 && <Tr><Td colSpan={5}>{_("You have no users on this server.")}</Td></Tr>}
            </Tbody>
        </Table>
    );
}

/** Of those whom the delegate may only list nothing is known. */
function lastUse({ enrolled, used }: Person, delegate: Delegate): string {
    if (used !== null) {
        return moment(used);
    }
    return enrolled && delegate.may("status") ? _("Never") : "";
}
