// What the page uses of ../base1/cockpit.js, from Cockpit 286 on.

declare namespace cockpit {
    interface Problem {
        /** A word of Cockpit's, such as `not-found`, where the program was not run. */
        problem: string | null;
        message: string;
        exit_status?: number | null;
    }

    interface Process extends Promise<string> {
        input(text: string): Process;
        stream(see: (text: string) => void): Process;
        /** Ends it. */
        close(problem: "cancelled"): void;
    }

    interface SpawnOptions {
        err: "message";
        superuser?: "require";
        environ?: string[];
    }

    interface Permission extends EventTarget {
        /** Null where it is not known yet. */
        allowed: boolean | null;
        close(): void;
    }

    interface Channel {
        addEventListener(event: "close" | "message", see: () => void): void;
        send(message: string): void;
        close(): void;
    }

    interface Location {
        path: string[];
        go(path: string[]): void;
    }

    interface User {
        id: number;
        name: string;
    }

    function spawn(argv: string[], options: SpawnOptions): Process;
    function permission(options: { admin: true }): Permission;
    function channel(options: { payload: string }): Channel;
    function user(): Promise<User>;
    function gettext(message: string): string;
    function ngettext(one: string, more: string, count: number): string;
    function format(template: string, ...values: (string | number)[]): string;
    function addEventListener(event: "visibilitychange" | "locationchanged", see: () => void): void;
    function removeEventListener(event: "visibilitychange" | "locationchanged", see: () => void): void;

    const hidden: boolean;
    const language: string;
    const location: Location;
}
