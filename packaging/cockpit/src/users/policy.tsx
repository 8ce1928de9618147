// The policy: its switch and its sentence, the issuer, and what becomes of users who are not enrolled.

import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { Content } from "@patternfly/react-core/dist/esm/components/Content";
import { Skeleton } from "@patternfly/react-core/dist/esm/components/Skeleton";
import { Switch } from "@patternfly/react-core/dist/esm/components/Switch";
import { useState } from "react";
import type * as json from "../json";
import { ask } from "../pam-totp";
import { _, format, ngettext } from "../words";
import type { Asked } from "./answer";
import { Fault } from "./fault";
import { Issuer } from "./issuer";
import { refusedPeople } from "./refused";
import type { Question } from "./question";
import { Unenrolled, useCounts, type Value } from "./unenrolled";

interface Props {
    policy: Asked<json.PolicyShow>;
    version: number;
    isDue: boolean;
    put: (question: Question) => void;
    changed: () => void;
}

export function Policy({ policy: { answer, fault, again }, ...rest }: Props) {
    return (
        <Card component="section">
            <CardTitle component="h2">{_("Two-Factor Authentication Security Policy")}</CardTitle>
            <CardBody>
                <Fault fault={fault} again={again} />
                {answer === null ? fault === null && <Skeleton screenreaderText={_("Loading")} />
                    : <Settings policy={answer} {...rest} />}
            </CardBody>
        </Card>
    );
}

function Settings({ policy, version, isDue, put, changed }: Omit<Props, "policy"> & { policy: json.PolicyShow }) {
    const counts = useCounts(version, isDue);
    const people = counts.of[policy.unenrolled as Value]?.people;
    return (
        <div className="pam-totp-cards">
            <OnOff policy={policy} put={put} changed={changed} />
            {people !== undefined && <Content component="p">{counted(people)}</Content>}
            <Issuer policy={policy} changed={changed} />
            <Unenrolled policy={policy} counts={counts} put={put} changed={changed} />
        </div>
    );
}

function counted({ accounts, unenrolled }: json.WhoIsRefused): string {
    return ngettext("$0 user has a login shell; not enrolled: $1.", "$0 users have a login shell; not enrolled: $1.",
        accounts, accounts, unenrolled);
}

function OnOff({ policy, put, changed }: Pick<Props, "put" | "changed"> & { policy: json.PolicyShow }) {
    const [isBusy, setBusy] = useState(false);
    const [fault, setFault] = useState<unknown>(null);
    const flip = async () => {
        setBusy(true);
        setFault(null);
        try {
            const question = policy.enabled ? await disabling() : await enabling();
            if (question.sentences.length > 0) put(question);
            else await question.act().finally(changed);
        } catch (fault) {
            setFault(fault);
        }
        setBusy(false);
    };
    return (
        <>
            <Switch id="policy" isChecked={policy.enabled} isDisabled={isBusy} onChange={() => void flip()}
                label={policy.enabled ? _("The Two-Factor Authentication Security Policy is Enabled")
                    : _("The Two-Factor Authentication Security Policy is Disabled")} />
            <Fault fault={fault} />
        </>
    );
}

/** What `policy enable` asks: nothing, where nobody is refused by it. */
async function enabling(): Promise<Question> {
    const would = await ask<json.PolicyEnable>(["policy", "enable", "--dry-run"], { admin: true });
    const sentences = would.stacks.length > 0 && would.refused > 0 ? [...await refusedPeople(would), asking(would.stacks)] : [];
    return {
        title: _("Enable the policy?"), yes: _("Enable"), isDangerous: sentences.length > 0, sentences: [...sentences, ...would.warnings],
        act: () => ask(["policy", "enable", "--yes"], { admin: true }),
    };
}

async function disabling(): Promise<Question> {
    const { open, refuse } = await ask<json.PolicyDisable>(["policy", "disable", "--dry-run"], { admin: true });
    const services = (names: string[], sentence: string) => names.length > 0 ? [format(sentence, names.join(", "))] : [];
    return {
        title: _("Disable the policy?"), yes: _("Disable"), isDangerous: true,
        sentences: [
            _("Nobody on this host is asked for a code any more. Enrollments stay."),
            ...services(open, _("These programs let everybody in then, without a password: $0.")),
            ...services(refuse, _("These programs refuse users with a right password then: $0.")),
        ],
        act: () => ask(["policy", "disable", "--yes"], { admin: true }),
    };
}

function asking(stacks: readonly string[]): string {
    return ngettext("This program asks for a code: $0.", "These programs ask for a code: $0.", stacks.length,
        stacks.join(", "));
}
