// "Manage users": what an administrator does for everybody.

import { useCallback, useState } from "react";
import type * as json from "../json";
import { useAnswer } from "./answer";
import { Doctor } from "./doctor";
import { Everybody } from "./everybody";
import { Policy } from "./policy";
import { QuestionDialog, type Question } from "./question";
import { Stacks } from "./stacks";

export function Users() {
    // Counts the changes: after each one everything is asked anew.
    const [version, setVersion] = useState(0);
    const [question, setQuestion] = useState<Question | null>(null);
    const [isListed, setListed] = useState(false);
    const policy = useAnswer<json.PolicyShow>("policy show", version);
    const listed = useCallback(() => setListed(true), []);
    const changed = () => setVersion(version => version + 1);
    // However it ends: some of it may be done.
    const put = (question: Question) =>
        setQuestion({ ...question, act: () => question.act().finally(changed) });
    const parts = { version, put, changed };
    return (
        <div className="pam-totp-cards">
            <Policy policy={policy} isDue={isListed} {...parts} />
            <Everybody policy={policy.answer} listed={listed} {...parts} />
            <Stacks isDue={isListed} {...parts} />
            <Doctor version={version} isDue={isListed} />
            {question !== null && <QuestionDialog question={question} close={() => setQuestion(null)} />}
        </div>
    );
}
