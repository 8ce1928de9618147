// The users, and what an administrator does to one, to some, or to all but themselves.

import { Alert, AlertActionCloseButton } from "@patternfly/react-core/dist/esm/components/Alert";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Spinner } from "@patternfly/react-core/dist/esm/components/Spinner";
import { useEffect, useMemo, useState } from "react";
import type * as json from "../json";
import { _, format, ngettext } from "../words";
import { disable, disableAll, unlock, type Changed } from "./change";
import { Fault } from "./fault";
import { useListing, type Listing } from "./listing";
import { afterwards } from "./names";
import type { Question } from "./question";
import { Said } from "./said";
import { UsersTable } from "./table";

interface Props {
    policy: json.PolicyShow | null;
    /** Called once all users were read, or cannot be. */
    listed: () => void;
    version: number;
    put: (question: Question) => void;
    changed: () => void;
}

/** Names that are the viewer's own, as the program and as Cockpit have them. */
function useOwn({ caller }: Listing): ReadonlySet<string> {
    const [session, setSession] = useState<string | null>(null);
    useEffect(() => { void cockpit.user().then(({ name }) => setSession(name)); }, []);
    return useMemo(() => new Set([caller, session].filter(name => name !== null)), [caller, session]);
}

export function Everybody({ policy, version, listed, put, changed }: Props) {
    const listing = useListing(version);
    const { people, isWhole, fault, warnings, again } = listing;
    const isRead = isWhole || fault !== null;
    useEffect(() => { if (isRead) listed(); }, [isRead, listed]);
    const own = useOwn(listing);
    const [done, setDone] = useState<Changed | null>(null);
    const [refused, setRefused] = useState<unknown>(null);
    const asks = (title: string, act: () => Promise<Changed>) =>
        put({ ...removing(title, policy), act: async () => setDone(await act()) });
    const others = people.filter(({ enrolled, name }) => enrolled && !own.has(name)).length;
    return (
        <Card component="section">
            <CardTitle component="h2">
                {_("Users")} {!isRead && <Spinner size="md" aria-label={_("Loading")} />}
            </CardTitle>
            <CardBody>
                <Fault fault={fault} again={again} />
                <Fault fault={refused} />
                {warnings.map(warning => (
                    <Alert key={warning} variant="warning" component="p" isInline title={warning} className="pam-totp-notice" />
                ))}
                {done !== null && <Done changes={done} close={() => setDone(null)} />}
                {(fault === null || people.length > 0) && (
                    <UsersTable people={people} isWhole={isWhole} own={own} others={others}
                        disable={name => asks(titleOfOne(name), () => disable([name]))}
                        disableSelected={names => asks(titleOfSome(names.length), () => disable(names))}
                        disableAll={() => asks(titleOfAll(others), () => disableAll([...own]))}
                        unlock={name => { setRefused(null); void unlock(name).then(setDone, setRefused).finally(changed); }} />
                )}
            </CardBody>
        </Card>
    );
}

const titleOfOne = (name: string) => format(_("Disable two-factor authentication for $0?"), name);
const titleOfSome = (count: number) =>
    ngettext("Disable two-factor authentication for $0 user?", "Disable two-factor authentication for $0 users?", count);
const titleOfAll = (count: number) => ngettext("Disable two-factor authentication for $0 user, but not for yourself?",
    "Disable two-factor authentication for all $0 users, but not for yourself?", count);

function removing(title: string, policy: json.PolicyShow | null): Omit<Question, "act"> {
    const then = policy === null ? [] : [afterwards(policy)];
    return {
        title, yes: _("Disable"), isDangerous: true,
        sentences: [_("Their devices and backup codes are removed for good."), ...then],
    };
}

function Done({ changes: { what, modified, failed, notes }, close }: { changes: Changed; close: () => void }) {
    const failures = Object.entries(failed).map(([name, { message }]) => `${name}: ${message}`);
    const title = what === "unlocked"
        ? ngettext("$0 user is unlocked: one code is enough again.", "$0 users are unlocked: one code is enough again.",
            modified.length)
        : ngettext("Two-factor authentication is disabled for $0 user.",
            "Two-factor authentication is disabled for $0 users.", modified.length);
    return (
        <Alert variant={failures.length > 0 ? "warning" : "success"} component="p" isInline isLiveRegion title={title}
            className="pam-totp-notice" actionClose={<AlertActionCloseButton aria-label={_("Close")} onClose={close} />}>
            {[...notes, ...failures].map(line => <div key={line}><Said>{line}</Said></div>)}
        </Alert>
    );
}
