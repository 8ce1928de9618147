// What a user has: devices, backup codes, remembered addresses, and what can be done about each.

import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from
    "@patternfly/react-core/dist/esm/components/DescriptionList";
import { Label } from "@patternfly/react-core/dist/esm/components/Label";
import { type ReactNode } from "react";
import type * as json from "../json";
import { Heading } from "../heading";
import { place } from "../users/names";
import { _, day, format, moment, ngettext } from "../words";
import { type Standing } from "./enrollment";

/** What the user wants to do. */
export type Wish = { kind: "add" | "codes" | "remove" | "forget" } | { kind: "reconfigure" | "remove-device"; device: string };

interface OverviewProps extends Standing {
    wants: (wish: Wish) => void;
}

export function Overview({ status, policy, wants }: OverviewProps) {
    const may = (deed: string) => status.may.includes(deed);
    return (
        <div className="pam-totp-cards">
            <State status={status} policy={policy} wants={wants} />
            <Section title={_("Devices")} action={may("add") && status.devices.length < 5
                ? <Button variant="secondary" onClick={() => wants({ kind: "add" })}>{_("Add a device")}</Button>
                : null}>
                <ul className="pam-totp-rows">
                    {status.devices.map(device => <Device key={device.name} device={device} status={status} wants={wants} />)}
                </ul>
            </Section>
            <Section title={_("Backup codes")} action={may("backup_codes")
                ? <Button variant="secondary" onClick={() => wants({ kind: "codes" })}>{_("Make new backup codes")}</Button>
                : null}>
                <Codes {...status} />
            </Section>
            <Remembered {...status} wants={wants} />
        </div>
    );
}

function Section({ title, action, children }: { title: ReactNode; action: ReactNode; children: ReactNode }) {
    return (
        <Card>
            <CardHeader {...(action === null ? {} : { actions: { actions: action } })} hasWrap>
                <CardTitle><Heading>{title}</Heading></CardTitle>
            </CardHeader>
            <CardBody>{children}</CardBody>
        </Card>
    );
}

function State({ status, policy, wants }: OverviewProps) {
    const since = Math.min(...status.devices.map(device => device.created_at));
    const used = Math.max(...status.devices.map(device => device.last_used_at ?? 0));
    const title = <>{_("Two-factor authentication")} <Label color="green">{_("Set up")}</Label></>;
    const action = status.may.includes("remove")
        ? <Button variant="secondary" isDanger onClick={() => wants({ kind: "remove" })}>{_("Remove")}</Button>
        : null;
    return (
        <Section title={title} action={action}>
            {!policy.enabled && (
                <Alert variant="info" isInline component="p" title={_("Two-factor authentication is switched off on this server.")}>
                    {_("No login asks for a code now.")}
                </Alert>
            )}
            <DescriptionList isHorizontal isCompact>
                <Row term={_("Set up on")}>{day(since)}</Row>
                <Row term={_("Last use of a code")}>{used === 0 ? _("never") : moment(used)}</Row>
                {status.failures !== null && (
                    <Row term={_("Wrong codes since the last right one")}>
                        {format(_("$0, the last one on $1"), status.failures.count, moment(status.failures.last_at))}
                    </Row>
                )}
            </DescriptionList>
            {status.waits.map(wait => (
                <p key={wait.lane} className="pam-totp-waits">{format(_("Too many wrong codes came from $0. Until $1 two codes in a row are needed there."), place(wait), moment(wait.until_at))}</p>
            ))}
        </Section>
    );
}

function Row({ term, children }: { term: string; children: ReactNode }) {
    return (
        <DescriptionListGroup>
            <DescriptionListTerm>{term}</DescriptionListTerm>
            <DescriptionListDescription>{children}</DescriptionListDescription>
        </DescriptionListGroup>
    );
}

function Device({ device, status, wants }: { device: json.Device; status: json.Status; wants: (wish: Wish) => void }) {
    const { name, created_at, last_used_at } = device;
    const use = last_used_at === null ? _("not used yet") : format(_("last used on $0"), moment(last_used_at));
    return (
        <li>
            <div>
                <strong>{name}</strong>
                <div className="pam-totp-subtle">{format(_("since $0, $1"), day(created_at), use)}</div>
            </div>
            <div className="pam-totp-buttons">
                {status.may.includes("replace") && (
                    <Button variant="secondary" size="sm" onClick={() => wants({ kind: "reconfigure", device: name })}
                        aria-label={format(_("Reconfigure $0"), name)}>
                        {_("Reconfigure")}
                    </Button>
                )}
                {status.may.includes("remove_device") && status.devices.length > 1 && (
                    <Button variant="secondary" size="sm" isDanger onClick={() => wants({ kind: "remove-device", device: name })}
                        aria-label={format(_("Remove $0"), name)}>
                        {_("Remove")}
                    </Button>
                )}
            </div>
        </li>
    );
}

function Codes({ backup_codes: own, temporary_backup_codes: temporary }: json.Status) {
    return (
        <>
            <p>
                {own === null
                    ? _("You have none: without your device you cannot log in.")
                    : ngettext("$0 of $1 code is left.", "$0 of $1 codes are left.", own.of, own.left, own.of)}
            </p>
            {temporary !== null && (
                <p>{ngettext("You also have $0 temporary code from the help desk, valid until $1.", "You also have $0 temporary codes from the help desk, valid until $1.", temporary.left, temporary.left, moment(temporary.until_at))}</p>
            )}
        </>
    );
}

function Remembered({ remembered, may, wants }: json.Status & { wants: (wish: Wish) => void }) {
    if (remembered.length === 0) {
        return null;
    }
    const action = may.includes("forget")
        ? <Button variant="secondary" onClick={() => wants({ kind: "forget" })}>{_("Forget addresses")}</Button>
        : null;
    return (
        <Section title={_("Remembered addresses")} action={action}>
            <p>{_("From these no code is asked for.")}</p>
            <ul className="pam-totp-rows">
                {remembered.map(({ address, until_at }, at) => (
                    <li key={at}>{format(_("$0, until $1"), address ?? _("an address of an earlier version"), moment(until_at))}</li>
                ))}
            </ul>
        </Section>
    );
}
