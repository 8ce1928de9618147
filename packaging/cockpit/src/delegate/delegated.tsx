// "Your users": what a delegate does for users whom root has given into their care.

import { Alert, AlertActionCloseButton } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Form } from "@patternfly/react-core/dist/esm/components/Form";
import { useCallback, useState } from "react";
import { Confirm } from "../account/confirm";
import { Field } from "../account/fields";
import { useLeaving } from "../session";
import type { Person } from "../users/people";
import { _, format, moment, ngettext } from "../words";
import { backupCode, disable, HOURS, list, status, unlock, type Delegate, type Right } from "./rights";
import { TheirUsers } from "./table";

interface Errand {
    right: Right;
    /** Empty for the list. */
    name: string;
}

/** What was done. A backup code is in it and in nothing else, so that it goes with it. */
interface Notice {
    title: string;
    code?: string;
}

export function Delegated({ delegate }: { delegate: Delegate }) {
    const [people, setPeople] = useState<Person[] | null>(null);
    const [errand, setErrand] = useState<Errand | null>(null);
    const [notice, setNotice] = useState<Notice | null>(null);
    const [name, setName] = useState("");
    const leave = useCallback(() => { setNotice(null); setErrand(null); }, []);
    useLeaving(leave);
    const put = (right: Right, name = "") => { setNotice(null); setErrand({ right, name }); };
    const change = (name: string, known: Partial<Person>) =>
        setPeople(old => old?.map(person => person.name === name ? { ...person, ...known } : person) ?? null);
    const runs = async ({ right, name }: Errand, code: string) => {
        switch (right) {
            case "list":
                setPeople(await list(code));
                break;
            case "status": {
                const found = await status(name, code);
                setPeople(old => [found, ...(old ?? []).filter(person => person.name !== found.name)]);
                break;
            }
            case "unlock":
                await unlock(name, code);
                change(name, { waits: [] });
                setNotice({ title: format(_("$0 is unlocked: one code is enough again."), name) });
                break;
            case "remove":
                await disable(name, code);
                change(name, { enrolled: false, since: null, used: null, waits: [] });
                setNotice({ title: format(_("Two-factor authentication is disabled for $0."), name) });
                break;
            case "backup-codes": {
                const { code: made, until } = await backupCode(name, code);
                setNotice({ title: format(_("A backup code for $0, good for one login until $1:"), name, moment(until)), code: made });
                break;
            }
        }
        setErrand(null);
    };
    const named = RIGHTS_OF_ONE.filter(right => delegate.may(right));
    return (
        <Card component="section">
            <CardTitle component="h2">{_("Your users")}</CardTitle>
            <CardBody>
                <p className="pam-totp-notice">{_("The administrator of this server has given these users into your care. Each step takes a current code of your own.")}</p>
                {notice !== null && (
                    <Alert variant="success" component="p" isInline isLiveRegion title={notice.title} className="pam-totp-notice"
                        actionClose={<AlertActionCloseButton aria-label={_("Close")} onClose={() => setNotice(null)} />}>
                        {notice.code !== undefined && <code>{notice.code}</code>}
                    </Alert>
                )}
                {delegate.may("list") && (
                    <div className="pam-totp-buttons">
                        <Button variant="secondary" onClick={() => put("list")}>{people === null ? _("Show your users") : _("Show them again")}</Button>
                    </div>
                )}
                {!delegate.may("list") && (
                    <Form onSubmit={event => event.preventDefault()} noValidate>
                        <Field label={_("User name")} value={name} change={setName} />
                        <div className="pam-totp-buttons">
                            {named.map(right => (
                                <Button key={right} variant="secondary" isDisabled={name === ""} onClick={() => put(right, name)}>
                                    {action(right)}
                                </Button>
                            ))}
                        </div>
                    </Form>
                )}
                {people !== null && <TheirUsers people={people} delegate={delegate} put={put} />}
                {errand !== null && (
                    <Confirm title={title(errand)} text={text(errand)} action={action(errand.right)} danger={errand.right === "remove"}
                        digits={delegate.digits} does={code => runs(errand, code ?? "")} stopped={() => undefined}
                        cancel={() => setErrand(null)} />
                )}
            </CardBody>
        </Card>
    );
}

const RIGHTS_OF_ONE: readonly Right[] = ["status", "unlock", "remove", "backup-codes"];

export function action(right: Right): string {
    switch (right) {
        case "list": return _("Show your users");
        case "status": return _("Show");
        case "unlock": return _("Unlock");
        case "remove": return _("Disable");
        case "backup-codes": return _("Backup code");
    }
}

function title({ right, name }: Errand): string {
    switch (right) {
        case "list": return _("Your users");
        case "status": return name;
        case "unlock": return format(_("Unlock $0?"), name);
        case "remove": return format(_("Disable two-factor authentication for $0?"), name);
        case "backup-codes": return format(_("Make a backup code for $0?"), name);
    }
}

function text({ right }: Errand): string {
    switch (right) {
        case "list":
        case "status": return _("Type a current code of your own.");
        case "unlock": return _("Their wrong codes are forgotten. Type a current code of your own.");
        case "remove": return _("Their devices and backup codes are removed for good. Type a current code of your own.");
        case "backup-codes": return ngettext("It is good for one login within $0 hour, beside their own codes. Type a current code of your own.",
            "It is good for one login within $0 hours, beside their own codes. Type a current code of your own.", HOURS);
    }
}
