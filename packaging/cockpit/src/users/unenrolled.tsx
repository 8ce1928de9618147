// What becomes of users who are not enrolled where a program asks for a code.

import { Form, FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { Radio } from "@patternfly/react-core/dist/esm/components/Radio";
import { useState } from "react";
import type * as json from "../json";
import { ask } from "../pam-totp";
import { _, format, ngettext } from "../words";
import { useAnswer, type Asked } from "./answer";
import { Fault } from "./fault";
import type { Question } from "./question";
import { refusedNow } from "./refused";

const VALUES = ["deny", "allow", "enroll"] as const;
export type Value = typeof VALUES[number];

/** What would be with each. */
export interface Counts {
    of: Record<Value, json.PolicySet | null>;
    /** Why there is none. */
    fault: unknown;
}

/** `isDue`: it reads all accounts three times, and waits until the table has them. */
export function useCounts(version: number, isDue: boolean): Counts {
    const deny = useAnswer<json.PolicySet>("policy set unenrolled deny --dry-run", version, isDue);
    const allow = useAnswer<json.PolicySet>("policy set unenrolled allow --dry-run", version, isDue);
    const enroll = useAnswer<json.PolicySet>("policy set unenrolled enroll --dry-run", version, isDue);
    const answer = ({ answer, fault }: Asked<json.PolicySet>) => fault === null ? answer : null;
    return {
        of: { deny: answer(deny), allow: answer(allow), enroll: answer(enroll) },
        fault: deny.fault ?? allow.fault ?? enroll.fault,
    };
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
    const isWritten = policy.from_file.includes("unenrolled");
    const choose = async (value: Value) => {
        setFault(null);
        try {
            const question = await choosing(value);
            if (question.sentences.length > 0) put(question);
            else await question.act().finally(changed);
        } catch (fault) {
            setFault(fault);
        }
    };
    return (
        <Form>
            <FormGroup role="radiogroup" isStack fieldId="unenrolled" label={_("Users who are not enrolled")}>
                {VALUES.map(value => (
                    <Choice key={value} value={value} refused={counts.of[value]?.people?.refused ?? 0}
                        isChosen={isWritten && policy.unenrolled === value}
                        choose={() => void choose(value)} />
                ))}
                {!isWritten && <p>{_("Not set: the PAM stack of each program decides. It refuses them, or lets them in where it says nullok.")}</p>}
                {policy.unenrolled === "enroll" && policy.enroll_by !== null &&
                    <p>{format(_("Users can put enrolling off until $0."), policy.enroll_by)}</p>}
            </FormGroup>
            <Fault fault={fault ?? counts.fault} />
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
    const count = refused > 0 ? ` ${ngettext("Would refuse $0 user.", "Would refuse $0 users.", refused)}` : "";
    return (
        <Radio id={`unenrolled-${value}`} name="unenrolled" label={label} description={meaning + count} isChecked={isChosen}
            onChange={choose} />
    );
}

/** What `policy set` asks: nothing, where nobody is refused by it. */
async function choosing(value: Value): Promise<Question> {
    const words = ["policy", "set", "unenrolled", value];
    const { people, warnings } = await ask<json.PolicySet>([...words, "--dry-run"], { admin: true });
    const refuses = await refusedNow(people);
    return {
        title: _("Change what happens to users who are not enrolled?"), yes: _("Change"),
        isDangerous: refuses.length > 0, sentences: [...refuses, ...warnings],
        act: () => ask([...words, "--yes"], { admin: true }),
    };
}
