// The users of this host: what the table knows of each, and which of them it shows in which order. Pure.

import type * as json from "../json";

export interface Person {
    name: string;
    enrolled: boolean;
    /** Since when, in Unix seconds. */
    since: number | null;
    used: number | null;
    waits: json.Wait[];
    /** So many wrong codes in a row that everywhere two right ones are needed. */
    isClosed: boolean;
    /** Why their file cannot be used. */
    problem: string | null;
}

/** Wrong codes in a row that close single codes everywhere. */
const CLOSED = 100;

export type Listed = json.User | json.UserWhoseFileCannotBeUsed;

export function person(listed: Listed): Person {
    const none = { since: null, used: null, waits: [], isClosed: false, problem: null };
    if ("problem" in listed) {
        return { ...none, name: listed.user, enrolled: true, problem: listed.problem };
    }
    const { user, enrolled, devices, waits, wrong_in_a_row } = listed;
    const used = devices.map(device => device.last_used_at).filter(at => at !== null);
    return {
        ...none, name: user, enrolled, waits, isClosed: wrong_in_a_row >= CLOSED,
        since: devices.length > 0 ? Math.min(...devices.map(device => device.created_at)) : null,
        used: used.length > 0 ? Math.max(...used) : null,
    };
}

export const KINDS = ["all", "enrolled", "unenrolled", "waiting"] as const;
export type Kind = typeof KINDS[number];

/** Is one code not enough, here or there? */
export const isWaiting = ({ waits, isClosed }: Person) => waits.length > 0 || isClosed;

export function isOf(kind: Kind, person: Person): boolean {
    const { enrolled } = person;
    return kind === "all" || (kind === "waiting" ? isWaiting(person) : enrolled === (kind === "enrolled"));
}

export const COLUMNS = ["name", "enrolled", "since", "used", "waits"] as const;
export type Column = typeof COLUMNS[number];

/** What is compared: numbers and names, and what is missing comes last. */
function rank(person: Person, column: Column): number {
    switch (column) {
        case "enrolled": return person.enrolled ? 0 : 1;
        case "waits": return person.isClosed ? -Infinity : -Math.max(0, ...person.waits.map(wait => wait.until_at));
        case "since": return person.since ?? Infinity;
        case "used": return person.used ?? Infinity;
        case "name": return 0;
    }
}

export function sorted(people: readonly Person[], column: Column, isDescending: boolean): Person[] {
    const sign = isDescending ? -1 : 1;
    const compare = (one: Person, other: Person) => {
        const [a, b] = [rank(one, column), rank(other, column)];
        return a < b ? -1 : a > b ? 1 : one.name < other.name ? -1 : 1;
    };
    return [...people].sort((one, other) => sign * compare(one, other));
}

export function found(people: readonly Person[], words: string, kind: Kind): Person[] {
    const wanted = words.trim().toLowerCase();
    return people.filter(person => isOf(kind, person) && person.name.toLowerCase().includes(wanted));
}
