// The name that authenticator apps show beside the account.

import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Form, FormGroup, FormHelperText } from "@patternfly/react-core/dist/esm/components/Form";
import { HelperText, HelperTextItem } from "@patternfly/react-core/dist/esm/components/HelperText";
import { InputGroup, InputGroupItem } from "@patternfly/react-core/dist/esm/components/InputGroup";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useEffect, useState } from "react";
import type * as json from "../json";
import { ask, Refusal } from "../pam-totp";
import { _ } from "../words";

export function Issuer({ policy, changed }: { policy: json.PolicyShow; changed: () => void }) {
    const written = policy.from_file.includes("issuer") ? policy.issuer ?? "" : "";
    const [text, setText] = useState(written);
    const [said, setSaid] = useState<{ is: "success" | "error"; text: string } | null>(null);
    useEffect(() => setText(written), [written]);
    const save = async () => {
        try {
            await ask<json.Issuer>(["issuer", "--", text.trim()], { admin: true });
            setSaid({ is: "success", text: _("Saved. New keys show this name; apps keep the old name for keys that they already have.") });
            changed();
        } catch (fault) {
            const isName = fault instanceof Refusal && fault.code === "bad_name";
            setSaid({ is: "error", text: isName ? _("1 to 128 characters without a colon.") : fault instanceof Refusal && fault.message !== "" ? fault.message : _("This did not work.") });
        }
    };
    return (
        <Form onSubmit={event => { event.preventDefault(); void save(); }}>
            <FormGroup label={_("Issuer")} fieldId="issuer">
                <InputGroup>
                    <InputGroupItem isFill>
                        <TextInput id="issuer" value={text} placeholder={policy.hostname ?? ""} aria-describedby="issuer-help"
                            validated={said?.is === "error" ? "error" : "default"}
                            onChange={(_event, text) => { setText(text); setSaid(null); }} />
                    </InputGroupItem>
                    <InputGroupItem>
                        <Button type="submit" variant="secondary" isDisabled={text.trim() === written}>{_("Save")}</Button>
                    </InputGroupItem>
                </InputGroup>
                <FormHelperText>
                    <HelperText id="issuer-help" isLiveRegion>
                        <HelperTextItem variant={said?.is ?? "default"}>
                            {said?.text ?? _("Authenticator apps show it beside the account. Leave it empty for the name of this host.")}
                        </HelperTextItem>
                    </HelperText>
                </FormHelperText>
            </FormGroup>
        </Form>
    );
}
