// What becomes of users who are not enrolled where a program asks for a code.

import { Form, FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { Radio } from "@patternfly/react-core/dist/esm/components/Radio";
import { useState } from "react";
import type * as json from "../json";
import { ask } from "../pam-totp";
import { _, format, ngettext } from "../words";
import { useAnswer } from "./answer";
import { Fault } from "./fault";
import type { Question } from "./question";
import { refusedPeople } from "./refused";

const VALUES = ["deny", "allow", "enroll"] as const;
export type Value = typeof VALUES[number];

/** What would be with each. */
export type Counts = Record<Value, json.PolicySet | null>;

export function useCounts(version: number): Counts {
    const { answer: deny } = useAnswer<json.PolicySet>("policy set unenrolled deny --dry-run", version);
    const { answer: allow } = useAnswer<json.PolicySet>("policy set unenrolled allow --dry-run", version);
    const { answer: enroll } = useAnswer<json.PolicySet>("policy set unenrolled enroll --dry-run", version);
    return { deny, allow, enroll };
}

interface Props {
    policy: json.PolicyShow;
    counts: Counts;
    put: (question: Question) => void;
    changed: () => void;
}

/** The words for each, and what they mean. */
function words(value: Value): [string, string] {
    switch (value) {
        case "deny": return [_("Refuse them"), _("They cannot log in where a code is asked for, until they are enrolled.")];
        case "allow": return [_("Let them in"), _("Their password is enough, until they are enrolled.")];
        case "enroll": return [_("Have them enroll"), _("They set up an authenticator app at their next login.")];
    }
}

export function Unenrolled({ policy, counts, put, changed }: Props) {
    const [fault, setFault] = useState<unknown>(null);
    const choose = async (value: Value) => {
        setFault(null);
        try {
            const question = await choosing(policy, value);
            const act = async () => { await question.act(); changed(); };
            if (question.sentences.length > 0) put({ ...question, act });
            else await act();
        } catch (fault) {
            setFault(fault);
        }
    };
    return (
        <Form>
            <FormGroup role="radiogroup" isStack fieldId="unenrolled" label={_("Users who are not enrolled")}>
                {VALUES.map(value => (
                    <Choice key={value} value={value} refused={counts[value]?.people?.refused ?? 0} isChosen={policy.unenrolled === value}
                        choose={() => void choose(value)} />
                ))}
                {policy.enroll_by !== null && format(_("Enrolling can wait until $0."), policy.enroll_by)}
            </FormGroup>
            <Fault fault={fault} />
        </Form>
    );
}

interface ChoiceProps {
    value: Value;
    refused: number;
    isChosen: boolean;
    choose: () => void;
}

/** With the number of people whom it would refuse. */
function Choice({ value, refused, isChosen, choose }: ChoiceProps) {
    const [label, meaning] = words(value);
    const count = refused > 0 ? ` ${ngettext("Refuses $0 user.", "Refuses $0 users.", refused)}` : "";
    return (
        <Radio id={`unenrolled-${value}`} name="unenrolled" label={label} description={meaning + count} isChecked={isChosen}
            onChange={choose} />
    );
}

/** What `policy set` asks: nothing, where nobody is refused by it. */
async function choosing(policy: json.PolicyShow, value: Value): Promise<Question> {
    const words = ["policy", "set", "unenrolled", value];
    const { people, warnings } = await ask<json.PolicySet>([...words, "--dry-run"], { admin: true });
    return {
        title: _("Change what becomes of users who are not enrolled?"), yes: _("Change"),
        sentences: [...policy.enabled && people !== undefined ? refusedPeople(people) : [], ...warnings],
        act: () => ask([...words, "--yes"], { admin: true }),
    };
}
