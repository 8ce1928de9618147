// "My account": what users do for themselves, without administrative access.

import { Alert, AlertActionCloseButton } from "@patternfly/react-core/dist/esm/components/Alert";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from
    "@patternfly/react-core/dist/esm/components/EmptyState";
import { Spinner } from "@patternfly/react-core/dist/esm/components/Spinner";
import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { Refusal } from "../pam-totp";
import { asRefusal, isFinal, isStale, sentence } from "../refusals";
import { useLeaving } from "../session";
import { _, format } from "../words";
import { BackupCodes } from "./backup-codes";
import { Confirm } from "./confirm";
import { Enroll } from "./enroll";
import { type Owner, type Place, type Standing, forget, newBackupCodes, remove, standing } from "./enrollment";
import { Overview, type Wish } from "./overview";

interface Notice {
    variant: "success" | "warning" | "danger";
    title: string;
}

/** What is under way. Its secrets are in it and in nothing else, so that they go with it. */
type Task = { kind: "enroll"; place: Place } | { kind: "confirm"; wish: Wish } | { kind: "codes"; codes: string[]; title: string };

const unconfirmed = (): Notice =>
    ({ variant: "warning", title: _("You have not confirmed your backup codes. If you have not stored them, make new ones.") });

/** `lost`: whether the part was left before backup codes were confirmed, and the user is still to be told. */
export function Account({ lost }: { lost: RefObject<boolean> }) {
    const [owner, setOwner] = useState<Owner | null>(null);
    const [known, setKnown] = useState<Standing | Refusal | null>(null);
    useEffect(() => {
        void cockpit.user().then(({ id, name }) => setOwner({ name, root: id === 0 }));
    }, []);
    const load = useCallback(async () => {
        if (owner !== null) {
            setKnown(await standing(owner).catch(asRefusal));
        }
    }, [owner]);
    useEffect(() => { void load(); }, [load]);
    if (owner === null || known === null) {
        return <Spinner aria-label={_("Loading")} />;
    }
    if (known instanceof Refusal) {
        return (
            <EmptyState headingLevel="h2" status="danger" titleText={_("Your account cannot be shown")}>
                <EmptyStateBody>{sentence(known)}</EmptyStateBody>
                <EmptyStateFooter>
                    <EmptyStateActions><Button variant="primary" onClick={() => void load()}>{_("Try again")}</Button></EmptyStateActions>
                </EmptyStateFooter>
            </EmptyState>
        );
    }
    return <Tasks owner={owner} known={known} load={load} lost={lost} />;
}

interface TasksProps {
    owner: Owner;
    known: Standing;
    load: () => Promise<void>;
    lost: RefObject<boolean>;
}

function Tasks({ owner, known, load, lost }: TasksProps) {
    const [task, setTask] = useState<Task | null>(null);
    const [notice, setNotice] = useState<Notice | null>(() => lost.current ? unconfirmed() : null);
    const isGone = useUnmounted(task?.kind === "codes", lost);
    const { status } = known;

    /** Back to what there is. */
    const end = useCallback((notice: Notice | null) => {
        setTask(null);
        setNotice(notice);
        void load();
    }, [load]);
    const stopped = useCallback((refusal: Refusal) => {
        if (isStale(refusal)) {
            end({ variant: "warning", title: _("Your account was changed elsewhere in the meantime, in another tab perhaps. This is how it is now.") });
        } else if (isFinal(refusal)) {
            end({ variant: "danger", title: sentence(refusal) });
        }
    }, [end]);
    useLeaving(useCallback(() => {
        // The status is no secret, and asked for again.
        if (task?.kind === "codes") {
            end(unconfirmed());
        } else if (task !== null) {
            end(null);
        }
    }, [task, end]));
    const started = (task: Task) => { setNotice(null); setTask(task); };
    const withCodes = (codes: string[], title: string) => {
        if (codes.length === 0) {
            end({ variant: "success", title });
        } else if (isGone.current) {
            lost.current = true;
        } else if (cockpit.hidden) {
            // The page was left meanwhile: nothing secret is put into it now.
            end(unconfirmed());
        } else {
            started({ kind: "codes", codes, title });
        }
    };

    if (task?.kind === "enroll") {
        const title = task.place.kind === "beside" ? _("The device was added.") : _("Two-factor authentication is set up. The next login needs the next code.");
        return <Enroll owner={owner} status={status} place={task.place} done={codes => withCodes(codes, title)} stopped={stopped}
            cancel={() => end(null)} />;
    }
    if (task?.kind === "codes") {
        return <BackupCodes owner={owner} codes={task.codes}
            done={() => end({ variant: "success", title: task.title })} />;
    }
    const wants = (wish: Wish) => {
        switch (wish.kind) {
            case "add": return started({ kind: "enroll", place: { kind: "beside", device: "" } });
            case "reconfigure": return started({ kind: "enroll", place: { kind: "instead", device: wish.device } });
            default: return started({ kind: "confirm", wish });
        }
    };
    return (
        <>
            {notice !== null && (
                <Alert variant={notice.variant} isInline component="p" isLiveRegion title={notice.title} className="pam-totp-notice"
                    actionClose={<AlertActionCloseButton onClose={() => setNotice(null)} />} />
            )}
            {status.enrolled
                ? <Overview {...known} wants={wants} />
                : <NotSetUp known={known} start={() => started({ kind: "enroll", place: { kind: "first" } })} />}
            {task?.kind === "confirm" && (
                <Ask owner={owner} known={known} wish={task.wish} stopped={stopped} cancel={() => setTask(null)}
                    done={title => end({ variant: "success", title })} codes={codes => withCodes(codes, _("Your new backup codes are valid now."))} />
            )}
        </>
    );
}

/** Whether the part is not there any more. Backup codes that went with it are remembered in `lost`. */
function useUnmounted(showsCodes: boolean, lost: RefObject<boolean>): RefObject<boolean> {
    const isGone = useRef(false);
    const shown = useRef(showsCodes);
    useEffect(() => { shown.current = showsCodes; }, [showsCodes]);
    useEffect(() => {
        isGone.current = false;
        // It has been told.
        lost.current = false;
        return () => {
            isGone.current = true;
            lost.current = shown.current;
        };
    }, [lost]);
    return isGone;
}

function NotSetUp({ known: { status, policy }, start }: { known: Standing; start: () => void }) {
    const may = status.may.includes("enroll");
    const why = policy.enabled
        ? _("On this server, only the administrator can do this.")
        : _("Two-factor authentication is switched off on this server.");
    return (
        <EmptyState headingLevel="h2" titleText={_("Two-factor authentication is not set up")}>
            <EmptyStateBody>
                {_("With it, a login asks for a code of an app on your phone after your password. Somebody who has only your password does not get in.")}
                {!may && <p>{why}</p>}
            </EmptyStateBody>
            {may && (
                <EmptyStateFooter>
                    <EmptyStateActions>
                        <Button variant="primary" onClick={start}>{_("Set Up Two-Factor Authentication")}</Button>
                    </EmptyStateActions>
                </EmptyStateFooter>
            )}
        </EmptyState>
    );
}

interface AskProps {
    owner: Owner;
    known: Standing;
    wish: Wish;
    done: (title: string) => void;
    codes: (codes: string[]) => void;
    stopped: (refusal: Refusal) => void;
    cancel: () => void;
}

function Ask({ owner, known, wish, done, codes, ...rest }: AskProps) {
    const digits = owner.root ? null : known.status.devices[0]?.digits ?? 6;
    switch (wish.kind) {
        case "codes":
            return <Confirm {...rest} digits={digits} title={_("Make new backup codes?")} action={_("Make new backup codes")}
                text={_("The old codes then stop working.")}
                does={async current => codes(await newBackupCodes(owner, current))} />;
        case "remove":
            return <Confirm {...rest} digits={digits} danger title={_("Remove two-factor authentication?")} action={_("Remove")}
                text={_("All your devices and backup codes then stop working, and only your password protects your account.")}
                does={async current => { await remove(owner, null, current); done(_("Two-factor authentication was removed.")); }} />;
        case "remove-device":
            return <Confirm {...rest} digits={digits} danger title={format(_("Remove $0?"), wish.device)} action={_("Remove")}
                text={_("Codes of this device then stop working. Your other devices stay.")}
                does={async current => { await remove(owner, wish.device, current); done(_("The device was removed.")); }} />;
        default:
            return <Confirm {...rest} digits={null} title={_("Forget the remembered addresses?")} action={_("Forget them")}
                text={_("The next login from there asks for a code again.")}
                does={async () => { await forget(owner); done(_("No address is remembered any more.")); }} />;
    }
}
