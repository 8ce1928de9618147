// Which programs ask for a code: PAM stacks, switched by `pam-totp stack`.

import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { CodeBlock, CodeBlockCode } from "@patternfly/react-core/dist/esm/components/CodeBlock";
import { Content } from "@patternfly/react-core/dist/esm/components/Content";
import { DataList, DataListCell, DataListItem, DataListItemCells, DataListItemRow } from "@patternfly/react-core/dist/esm/components/DataList";
import { ExpandableSection } from "@patternfly/react-core/dist/esm/components/ExpandableSection";
import { Skeleton } from "@patternfly/react-core/dist/esm/components/Skeleton";
import { Switch } from "@patternfly/react-core/dist/esm/components/Switch";
import { useState } from "react";
import type * as json from "../json";
import { ask } from "../pam-totp";
import { _, format } from "../words";
import { useAnswer } from "./answer";
import { Fault } from "./fault";
import { program } from "./names";
import type { Question } from "./question";
import { refusedNow } from "./refused";
import { Said } from "./said";

interface Props {
    version: number;
    /** Not before all users were read: the processor is theirs. */
    isDue: boolean;
    put: (question: Question) => void;
    changed: () => void;
}

export function Stacks({ version, isDue, put, changed }: Props) {
    const { answer, fault, again } = useAnswer<json.StackList>("stack list", version, isDue);
    const [switched, setSwitched] = useState<unknown>(null);
    const flip = async (stack: json.ListedStack) => {
        setSwitched(null);
        try {
            const question = await (stack.asks ? removing(stack) : adding(stack));
            // Somebody was faster.
            if (question === null) changed();
            else put(question);
        } catch (fault) {
            setSwitched(fault);
        }
    };
    const [usual, rest] = parts(answer?.stacks ?? []);
    const rows = (stacks: json.ListedStack[], label: string) => (
        <DataList aria-label={label} isCompact>
            {stacks.map(stack => <Row key={stack.service} stack={stack} flip={() => void flip(stack)} />)}
        </DataList>
    );
    return (
        <Card component="section">
            <CardTitle component="h2">{_("Programs that ask for a code")}</CardTitle>
            <CardBody>
                <Fault fault={fault} again={again} />
                <Fault fault={switched} />
                {answer === null && fault === null && <Skeleton screenreaderText={_("Loading")} />}
                {answer?.stacks.every(stack => !stack.asks) === true && <Content component="p">{_("No program asks for a code yet.")}</Content>}
                {usual.length > 0 && rows(usual, _("Programs that ask for a code"))}
                {rest.length > 0 && (
                    <ExpandableSection toggleText={_("Other services")}>{rows(rest, _("Other services"))}</ExpandableSection>
                )}
            </CardBody>
        </Card>
    );
}

/** Those that people know or that ask, and the rest. */
function parts(stacks: json.ListedStack[]): [json.ListedStack[], json.ListedStack[]] {
    const isUsual = ({ title, asks }: json.ListedStack) => title !== null || asks;
    return [stacks.filter(isUsual), stacks.filter(stack => !isUsual(stack))];
}

function Row({ stack, flip }: { stack: json.ListedStack; flip: () => void }) {
    const id = `stack-${stack.service}`;
    return (
        <DataListItem aria-labelledby={id}>
            <DataListItemRow>
                <DataListItemCells dataListCells={[
                    <DataListCell key="switch">
                        <Switch id={`switch-${stack.service}`} isChecked={stack.asks} isDisabled={stack.can === null}
                            label={<span id={id}>{program(stack)}</span>} onChange={flip}
                            {...stack.problem !== null && { "aria-describedby": `${id}-problem` }} />
                    </DataListCell>,
                    <DataListCell key="file" isFilled={false}><Content component="small">{stack.file}</Content></DataListCell>,
                    stack.problem !== null && (
                        <DataListCell key="problem" width={3}>
                            <Content component="small" id={`${id}-problem`}><Said>{stack.problem}</Said></Content>
                        </DataListCell>
                    ),
                ].filter(cell => cell !== false)} />
            </DataListItemRow>
        </DataListItem>
    );
}

async function adding(stack: json.ListedStack): Promise<Question | null> {
    const words = [...stack.options, "--", stack.service];
    const would = await ask<json.StackAdd>(["stack", "add", "--dry-run", ...words], { admin: true });
    if (!would.changed) return null;
    const refuses = await refusedNow(would.people);
    const oneField = stack.options.includes("--one-field")
        ? [_("This program has one field: users type the password, and the code right behind it.")] : [];
    return {
        title: format(_("Have $0 ask for a code?"), program(stack)), yes: _("Ask for a code"), isDangerous: refuses.length > 0,
        sentences: [
            ...refuses, ...oneField, ...would.notes,
            _("First log in as root in a terminal, and keep it open until a login in a second window has worked."),
        ],
        beside: <Lines files={would.files} />,
        act: () => ask(["stack", "add", "--yes", ...words], { admin: true }),
    };
}

async function removing(stack: json.ListedStack): Promise<Question | null> {
    const would = await ask<json.StackAdd>(["stack", "remove", "--dry-run", "--", stack.service], { admin: true });
    if (!would.changed) return null;
    return {
        title: format(_("Have $0 ask for no code any more?"), program(stack)), yes: _("Stop asking"), isDangerous: true,
        sentences: [_("Users can then log in there without a code, unless a file that this stack includes asks for one."), ...would.notes],
        beside: <Lines files={would.files} />,
        act: () => ask(["stack", "remove", "--", stack.service], { admin: true }),
    };
}

/** What goes and what comes. */
function Lines({ files }: { files: json.FileOfAStack[] }) {
    return files.map(({ file, lines }) => (
        <CodeBlock key={file} actions={<Content component="small">{file}</Content>}>
            <CodeBlockCode>{lines.join("\n")}</CodeBlockCode>
        </CodeBlock>
    ));
}
