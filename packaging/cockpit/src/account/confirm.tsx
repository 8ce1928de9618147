// A change that is asked about, and proved by a current code.

import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Form } from "@patternfly/react-core/dist/esm/components/Form";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { useContext, useId, useState } from "react";
import { type Refusal } from "../pam-totp";
import { asRefusal, isOfCode, sentence } from "../refusals";
import { Ended } from "../session";
import { _ } from "../words";
import { CurrentCode, NO_CODE, answerOf, faultOfCurrent, refused, useBusy } from "./fields";

interface ConfirmProps {
    title: string;
    text: string;
    action: string;
    danger?: boolean;
    /** How many digits a current code has; null where none is asked for. */
    digits: number | null;
    does: (current: string | null) => Promise<void>;
    /** It cannot be as things are now. */
    stopped: (refusal: Refusal) => void;
    cancel: () => void;
}

export function Confirm({ title, text, action, danger = false, digits, does, stopped, cancel }: ConfirmProps) {
    const id = useId();
    const [current, setCurrent] = useState(NO_CODE);
    const [other, setOther] = useState<Refusal | null>(null);
    const [busy, start] = useBusy();
    const ended = useContext(Ended);
    const submit = () => {
        const fault = digits === null ? null : faultOfCurrent(current, digits);
        setCurrent({ ...current, fault });
        setOther(null);
        if (fault === null) {
            start(() => does(digits === null ? null : answerOf(current)).catch(refuse));
        }
    };
    const refuse = (error: unknown) => {
        const refusal = asRefusal(error);
        if (isOfCode(refusal)) {
            setCurrent(refused(current, refusal));
        } else {
            setOther(refusal);
            stopped(refusal);
        }
    };
    if (ended) {
        return null;
    }
    return (
        <Modal isOpen variant="small" onClose={cancel} aria-labelledby={`${id}-title`} aria-describedby={`${id}-text`}>
            <ModalHeader title={title} labelId={`${id}-title`} {...(danger ? { titleIconVariant: "warning" as const } : {})} />
            <ModalBody>
                <Form id={id} onSubmit={event => { event.preventDefault(); submit(); }} noValidate>
                    <p id={`${id}-text`}>{text}</p>
                    {other !== null && <Alert variant="danger" isInline component="p" isLiveRegion title={sentence(other)} />}
                    {digits !== null && <CurrentCode current={current} change={setCurrent} label={_("Current code")} first />}
                </Form>
            </ModalBody>
            <ModalFooter>
                <Button type="submit" form={id} variant={danger ? "danger" : "primary"} isLoading={busy} isDisabled={busy}>{action}</Button>
                <Button variant="link" onClick={cancel} isDisabled={busy}>{_("Cancel")}</Button>
            </ModalFooter>
        </Modal>
    );
}
