// What `pam-totp doctor` finds, and the lines that fix it.

import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { CodeBlock, CodeBlockAction, CodeBlockCode } from "@patternfly/react-core/dist/esm/components/CodeBlock";
import { Content } from "@patternfly/react-core/dist/esm/components/Content";
import { DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from "@patternfly/react-core/dist/esm/components/DescriptionList";
import { Label } from "@patternfly/react-core/dist/esm/components/Label";
import { Skeleton } from "@patternfly/react-core/dist/esm/components/Skeleton";
import { useRef, useState } from "react";
import type * as json from "../json";
import { copy } from "../copy";
import { _ } from "../words";
import { useAnswer } from "./answer";
import { Fault } from "./fault";
import { level, subject } from "./names";
import { Said } from "./said";

const STATUS = { fine: "success", note: "info", warning: "warning" } as const;

/** `isDue`: it reads what the table reads, too, and waits for it. */
export function Doctor({ version, isDue }: { version: number; isDue: boolean }) {
    const { answer, fault, again } = useAnswer<json.Doctor>("doctor", version, isDue);
    return (
        <Card component="section">
            <CardHeader actions={{ actions: <Button variant="secondary" onClick={again}>{_("Check again")}</Button> }}>
                <CardTitle component="h2">{_("Check of this host")}</CardTitle>
            </CardHeader>
            <CardBody>
                <Fault fault={fault} again={again} />
                {answer === null && fault === null && <Skeleton screenreaderText={_("Loading")} />}
                {answer !== null && <Sections doctor={answer} />}
            </CardBody>
        </Card>
    );
}

function Sections({ doctor: { sections, findings } }: { doctor: json.Doctor }) {
    return (
        <DescriptionList orientation={{ md: "horizontal" }} horizontalTermWidthModifier={{ md: "20ch" }}>
            {sections.map(section => (
                <DescriptionListGroup key={section.about}>
                    <DescriptionListTerm>{subject(section)}</DescriptionListTerm>
                    <DescriptionListDescription>
                        <Section section={section} findings={findings.filter(({ about }) => about === section.about)} />
                    </DescriptionListDescription>
                </DescriptionListGroup>
            ))}
        </DescriptionList>
    );
}

/** The worst first; what is fine is said in one word. */
function Section({ section, findings }: { section: json.Section; findings: json.Finding[] }) {
    const order = ["fault", "warning", "note"];
    const told = order.flatMap(level => findings.filter(finding => finding.level === level));
    if (told.length === 0) {
        return <Level level={section.level} />;
    }
    return <div className="pam-totp-cards">{told.map(finding => <Finding key={finding.message} finding={finding} />)}</div>;
}

function Level({ level: word }: { level: string }) {
    const status = STATUS[word as keyof typeof STATUS] ?? "danger";
    return <Label status={status} isCompact variant="outline">{level(word)}</Label>;
}

function Finding({ finding: { level, message, fix } }: { finding: json.Finding }) {
    return (
        <div>
            <Content component="p"><Level level={level} /> <Said>{message}</Said></Content>
            {fix.length > 0 && <Fix lines={fix.join("\n")} />}
        </div>
    );
}

function Fix({ lines }: { lines: string }) {
    const [said, setSaid] = useState<string | null>(null);
    const shown = useRef<HTMLDivElement>(null);
    return (
        <CodeBlock actions={
            <CodeBlockAction>
                <Button variant="link" isInline onClick={() => void copy(lines, shown.current).then(setSaid)}>{said ?? _("Copy")}</Button>
            </CodeBlockAction>
        }>
            <div ref={shown}><CodeBlockCode>{lines}</CodeBlockCode></div>
        </CodeBlock>
    );
}
