// New backup codes, shown this once. A user who types one of them back has stored them. That is compared here, and uses none up.

import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { ActionGroup, Form } from "@patternfly/react-core/dist/esm/components/Form";
import { useContext, useEffect, useRef, useState } from "react";
import { Heading } from "../heading";
import { Ended } from "../session";
import { copy } from "../copy";
import { _, format } from "../words";
import { Field, type Fault } from "./fields";
import { type Owner } from "./enrollment";

/** However it is grouped. */
const plain = (code: string) => code.toLowerCase().replace(/[^0-9a-z]/g, "");

export function BackupCodes({ owner, codes, done }: { owner: Owner; codes: string[]; done: () => void }) {
    const [typed, setTyped] = useState("");
    const [fault, setFault] = useState<Fault | null>(null);
    const [said, setSaid] = useState<string | null>(null);
    const list = useRef<HTMLOListElement>(null);
    const ended = useContext(Ended);
    useWarning();
    const title = format(_("Backup codes of $0"), owner.name);
    const text = `${title}, ${window.location.hostname}\n\n${codes.join("\n")}\n`;
    const confirm = () => {
        if (codes.map(plain).includes(plain(typed))) {
            done();
        } else {
            setFault({ title: _("This is none of your backup codes."), more: [_("Look at what you have stored, and type one of them.")] });
        }
    };
    if (ended) {
        return null;
    }
    return (
        <Card>
            <CardTitle><Heading focus>{title}</Heading></CardTitle>
            <CardBody>
                <Alert variant="warning" isInline component="p" title={_("Do not close this page yet")}>
                    {_("These codes are shown only now. Each gets you in once without your device. Store them where nobody else finds them.")}
                </Alert>
                <ol className="pam-totp-codes" ref={list} aria-label={title}>
                    {codes.map(code => <li key={code}><code>{code}</code></li>)}
                </ol>
                <div className="pam-totp-buttons">
                    <Button variant="secondary" onClick={() => void copy(codes.join("\n"), list.current).then(setSaid)}>{_("Copy")}</Button>
                    <Button variant="secondary" onClick={() => window.print()}>{_("Print")}</Button>
                    <Button variant="secondary" onClick={() => download(text, `backup-codes-${owner.name}.txt`)}>{_("Download")}</Button>
                    <span role="status">{said}</span>
                </div>
                <Form onSubmit={event => { event.preventDefault(); confirm(); }} noValidate>
                    <Field label={_("Type one of the codes, as you have stored it")} value={typed} change={setTyped} fault={fault}
                        hint={_("It is not used up by this.")} />
                    <ActionGroup>
                        <Button type="submit" variant="primary">{_("I have stored them")}</Button>
                    </ActionGroup>
                </Form>
            </CardBody>
        </Card>
    );
}

/** The browser asks before it closes the page. */
function useWarning() {
    useEffect(() => {
        const warn = (event: BeforeUnloadEvent) => event.preventDefault();
        window.addEventListener("beforeunload", warn);
        return () => window.removeEventListener("beforeunload", warn);
    }, []);
}

function download(text: string, name: string) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    URL.revokeObjectURL(url);
}
