// Fields for codes, and what is wrong with what was typed there.

import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { FormGroup, FormHelperText } from "@patternfly/react-core/dist/esm/components/Form";
import { HelperText, HelperTextItem } from "@patternfly/react-core/dist/esm/components/HelperText";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { useEffect, useId, useRef, useState } from "react";
import { type Refusal } from "../pam-totp";
import { advice, sentence } from "../refusals";
import { _, format } from "../words";

/** What is wrong, and what to do about it. */
export interface Fault {
    title: string;
    more: string[];
}

export const faultOf = (refusal: Refusal, serverTime: string | null = null): Fault =>
    ({ title: sentence(refusal), more: advice(refusal, serverTime) });

interface FieldProps {
    label: string;
    value: string;
    change: (value: string) => void;
    fault?: Fault | null;
    /** What to know before typing. */
    hint?: string | null;
    /** Keyboard and completion of a code of an app. */
    digits?: boolean;
    /** Has the cursor as soon as it is there. */
    first?: boolean;
}

export function Field({ label, value, change, fault = null, hint = null, digits = false, first = false }: FieldProps) {
    const id = useId();
    const input = useRef<HTMLInputElement>(null);
    useEffect(() => { if (first) input.current?.focus(); }, [first]);
    // A user who is told that something is wrong there goes on there.
    useEffect(() => { if (fault !== null) input.current?.focus(); }, [fault]);
    const ofDigits = digits ? { inputMode: "numeric" as const, autoComplete: "one-time-code" } : { autoComplete: "off" };
    return (
        <FormGroup label={label} fieldId={id}>
            <TextInput id={id} ref={input} value={value} onChange={(_event, value) => change(value)} type="text" isRequired
                validated={fault === null ? "default" : "error"} aria-describedby={`${id}-help`} aria-invalid={fault !== null}
                autoCapitalize="none" autoCorrect="off" spellCheck={false} className="pam-totp-code" {...ofDigits} />
            <FormHelperText>
                <HelperText id={`${id}-help`} aria-live="polite">
                    {hint !== null && <HelperTextItem>{hint}</HelperTextItem>}
                    {fault !== null && <HelperTextItem variant="error">{fault.title}</HelperTextItem>}
                    {fault?.more.map(line => <HelperTextItem key={line}>{line}</HelperTextItem>)}
                </HelperText>
            </FormHelperText>
        </FormGroup>
    );
}

/** Without the blanks that apps show in the middle. */
export const bare = (code: string) => code.replace(/\s/g, "");

export function faultOfShape(code: string, digits: number): Fault | null {
    return new RegExp(`^\\d{${digits}}$`).test(bare(code))
        ? null
        : { title: format(_("Type the $0 digits that the app shows."), digits), more: [] };
}

/** The code of what is enrolled, by which users prove what they have: of an app, several in a row, or a backup code. */
export interface Current {
    codes: string[];
    backup: boolean;
    fault: Fault | null;
}

export const NO_CODE: Current = { codes: [""], backup: false, fault: null };

/** As pam-totp reads it. */
export const answerOf = ({ codes, backup }: Current) => (backup ? codes.slice(0, 1) : codes).map(bare).join("-");

export function faultOfCurrent(current: Current, digits: number): Fault | null {
    if (current.backup) {
        return bare(current.codes[0] ?? "") === "" ? { title: _("Type one of your backup codes."), more: [] } : null;
    }
    return current.codes.map(code => faultOfShape(code, digits)).find(fault => fault !== null) ?? null;
}

/** After a refusal: as many fields as codes are wanted, and those that are void are empty. */
export function refused(current: Current, refusal: Refusal): Current {
    const wanted = refusal.codes ?? current.codes.length;
    const kept = refusal.code === "waiting" && !current.backup ? current.codes : [];
    return { ...current, fault: faultOf(refusal), codes: Array.from({ length: wanted }, (_none, at) => kept[at] ?? "") };
}

export function CurrentCode({ current, change, label, first = false }:
    { current: Current; change: (current: Current) => void; label: string; first?: boolean }) {
    const typed = (at: number) => (value: string) =>
        change({ ...current, codes: current.codes.map((code, other) => other === at ? value : code) });
    const other = current.backup ? _("Use a code of the app instead") : _("Use a backup code instead");
    const shown = current.backup ? current.codes.slice(0, 1) : current.codes;
    return (
        <>
            {shown.map((code, at) => (
                <Field key={at} label={at > 0 ? _("The code that comes after it") : current.backup ? _("A backup code") : label}
                    value={code} change={typed(at)} digits={!current.backup} first={first && at === 0}
                    fault={at === 0 ? current.fault : null} />
            ))}
            <Button variant="link" isInline onClick={() => change({ ...NO_CODE, backup: !current.backup, codes: shown.map(() => "") })}>
                {other}
            </Button>
        </>
    );
}

/** Something is under way, and a second click would do it twice. */
export function useBusy(): [boolean, (work: () => Promise<void>) => void] {
    const [busy, setBusy] = useState(false);
    const running = useRef(false);
    const start = (work: () => Promise<void>) => {
        if (running.current) {
            return;
        }
        running.current = true;
        setBusy(true);
        void work().finally(() => { running.current = false; setBusy(false); });
    };
    return [busy, start];
}
