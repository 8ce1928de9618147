// A new key: the QR code, and the first code that proves it. For a first device, a further one, or one in place of another.

import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card";
import { DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from
    "@patternfly/react-core/dist/esm/components/DescriptionList";
import { ActionGroup, Form } from "@patternfly/react-core/dist/esm/components/Form";
import { Spinner } from "@patternfly/react-core/dist/esm/components/Spinner";
import { useContext, useEffect, useState } from "react";
import type * as json from "../json";
import { type Refusal } from "../pam-totp";
import { asRefusal, isOfCode, sentence } from "../refusals";
import { Heading } from "../heading";
import { Ended } from "../session";
import { _, clockTime, format } from "../words";
import { formOf, useServerClock } from "./clock";
import { type Owner, type Place, generate, store } from "./enrollment";
import { CurrentCode, Field, NO_CODE, answerOf, bare, faultOf, faultOfCurrent, faultOfShape, refused, useBusy, type Fault } from "./fields";
import { QrCode } from "./qr-code";

interface EnrollProps {
    owner: Owner;
    status: json.Status;
    /** What the key is for; a further device is named here. */
    place: Place;
    done: (backupCodes: string[]) => void;
    /** It cannot be as things are now. */
    stopped: (refusal: Refusal) => void;
    cancel: () => void;
}

export function Enroll(props: EnrollProps) {
    const [key, setKey] = useState<json.Generate | null>(null);
    const { owner, stopped } = props;
    useEffect(() => {
        let left = false;
        generate(owner).then(key => { if (!left) setKey(key); }, error => { if (!left) stopped(asRefusal(error)); });
        return () => { left = true; };
    }, [owner, stopped]);
    return (
        <Card>
            <CardTitle><Heading>{titleOf(props.place)}</Heading></CardTitle>
            <CardBody>{key === null ? <Spinner aria-label={_("Loading")} /> : <Proof {...props} enrolling={key} />}</CardBody>
        </Card>
    );
}

function titleOf(place: Place) {
    switch (place.kind) {
        case "first": return _("Set Up Two-Factor Authentication");
        case "beside": return _("Add a device");
        case "instead": return format(_("Reconfigure $0"), place.device);
    }
}

function Proof({ owner, status, place, done, stopped, cancel, enrolling }: EnrollProps & { enrolling: json.Generate }) {
    const { digits, period } = formOf(enrolling.uri);
    const now = useServerClock(enrolling.now_at);
    const [code, setCode] = useState("");
    const [name, setName] = useState("");
    const [current, setCurrent] = useState(NO_CODE);
    const [fault, setFault] = useState<Fault | null>(null);
    const [nameFault, setNameFault] = useState<Fault | null>(null);
    const [other, setOther] = useState<Refusal | null>(null);
    const [busy, start] = useBusy();
    const ended = useContext(Ended);
    const asksCurrent = place.kind !== "first" && !owner.root;
    const named: Place = place.kind === "beside" ? { ...place, device: name.trim() } : place;

    const isWhole = () => {
        const faults = [
            place.kind === "beside" ? faultOfName(name, status) : null,
            faultOfShape(code, digits),
            asksCurrent ? faultOfCurrent(current, status.devices[0]?.digits ?? 6) : null,
        ] as const;
        setNameFault(faults[0]);
        setFault(faults[1]);
        setCurrent({ ...current, fault: faults[2] });
        return faults.every(fault => fault === null);
    };
    const refuse = (refusal: Refusal) => {
        if (refusal.code === "bad_name") {
            setNameFault(faultOf(refusal));
        } else if (!isOfCode(refusal)) {
            setOther(refusal);
            stopped(refusal);
        } else if (refusal.isOfCurrent || refusal.code === "code_needed") {
            setCurrent(refused(current, refusal));
        } else {
            setCode("");
            setFault(faultOf(refusal, clockTime(now)));
        }
    };
    const submit = async () => {
        setOther(null);
        const makesCodes = place.kind !== "beside" || status.backup_codes === null;
        try {
            done(await store(owner, named, enrolling, bare(code), asksCurrent ? answerOf(current) : null, makesCodes));
        } catch (error) {
            refuse(asRefusal(error));
        }
    };

    if (ended) {
        return null;
    }
    return (
        <div className="pam-totp-enroll">
            <Key enrolling={enrolling} />
            <Form onSubmit={event => { event.preventDefault(); if (isWhole()) start(submit); }} noValidate>
                {place.kind === "instead" && (
                    <Alert variant="warning" isInline component="p" title={_("The old device stops working")}>
                        {_("Its key and your backup codes stop working as soon as you finish here. You get new backup codes.")}
                    </Alert>
                )}
                {other !== null && <Alert variant="danger" isInline component="p" isLiveRegion title={sentence(other)} />}
                {place.kind === "beside" && (
                    <Field label={_("Name of the device")} value={name} change={setName} fault={nameFault} first
                        hint={_("Such as \u201ctablet\u201d")} />
                )}
                <Field label={place.kind === "first" ? _("Verification code") : _("Verification code of the new device")} value={code}
                    change={setCode} fault={fault} digits first={place.kind !== "beside"}
                    hint={format(_("The next code comes in $0 s."), period - now % period)} />
                {asksCurrent && <CurrentCode current={current} change={setCurrent}
                    label={place.kind === "beside" ? _("Code of a device that you have already") : _("Code of the old device")} />}
                <ActionGroup>
                    <Button type="submit" variant="primary" isLoading={busy} isDisabled={busy}>
                        {place.kind === "beside" ? _("Add the device") : _("Configure Two-Factor Authentication")}
                    </Button>
                    <Button variant="link" onClick={cancel} isDisabled={busy}>{_("Cancel")}</Button>
                </ActionGroup>
            </Form>
        </div>
    );
}

function faultOfName(name: string, { devices }: json.Status): Fault | null {
    if (name.trim() === "") {
        return { title: _("Give the device a name."), more: [] };
    }
    return devices.some(device => device.name === name.trim()) ? { title: _("You have a device of this name."), more: [] } : null;
}

/** What goes into the app. */
function Key({ enrolling }: { enrolling: json.Generate }) {
    const { qr_svg, secret, account, issuer, warnings } = enrolling;
    return (
        <div>
            <p>{_("Scan the QR code with an authenticator app (Google Authenticator, Authy, Duo Mobile, \u2026), or type account and key into it.")}</p>
            {qr_svg !== undefined && <QrCode svg={qr_svg} />}
            <DescriptionList isCompact>
                <DescriptionListGroup>
                    <DescriptionListTerm>{_("Account")}</DescriptionListTerm>
                    <DescriptionListDescription>{`${account} (${issuer})`}</DescriptionListDescription>
                </DescriptionListGroup>
                <DescriptionListGroup>
                    <DescriptionListTerm>{_("Key")}</DescriptionListTerm>
                    <DescriptionListDescription>
                        <code className="pam-totp-key">{secret.match(/.{1,4}/g)?.join(" ")}</code>
                    </DescriptionListDescription>
                </DescriptionListGroup>
            </DescriptionList>
            {warnings.map(warning => <p key={warning}>{warning}</p>)}
        </div>
    );
}
