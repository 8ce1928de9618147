// Something is asked before it is done: what will happen stands in the dialog.

import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Content } from "@patternfly/react-core/dist/esm/components/Content";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import { useContext, useState, type ReactNode } from "react";
import { Ended } from "../session";
import { _ } from "../words";
import { Fault } from "./fault";
import { Said } from "./said";

export interface Question {
    title: string;
    /** What happens then. */
    sentences: string[];
    beside?: ReactNode;
    /** What the button says. */
    yes: string;
    isDangerous?: boolean;
    act: () => Promise<unknown>;
}

interface Props {
    question: Question;
    close: () => void;
}

/** Stays open, and says why, where it does not work. */
export function QuestionDialog({ question, close }: Props) {
    const [isBusy, setBusy] = useState(false);
    const [fault, setFault] = useState<unknown>(null);
    const ended = useContext(Ended);
    const act = async () => {
        setBusy(true);
        setFault(null);
        try {
            await question.act();
            close();
        } catch (fault) {
            setFault(fault);
            setBusy(false);
        }
    };
    if (ended) {
        // Behind Cockpit's curtain.
        return null;
    }
    return (
        <Modal variant="medium" isOpen onClose={close} aria-labelledby="question" aria-describedby="question-body">
            <ModalHeader title={question.title} labelId="question"
                {...question.isDangerous === true && { titleIconVariant: "warning" as const }} />
            <ModalBody id="question-body">
                {question.sentences.map(sentence => <Content key={sentence} component="p"><Said>{sentence}</Said></Content>)}
                {question.beside}
                <Fault fault={fault} />
            </ModalBody>
            <ModalFooter>
                <Button variant={question.isDangerous === true ? "danger" : "primary"} isLoading={isBusy} isDisabled={isBusy}
                    onClick={() => void act()}>
                    {question.yes}
                </Button>
                <Button variant="link" onClick={close} isDisabled={isBusy}>{_("Cancel")}</Button>
            </ModalFooter>
        </Modal>
    );
}
