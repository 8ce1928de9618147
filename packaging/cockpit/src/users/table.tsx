// The table of users: as many rows as a page of it has, however many users there are.

import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table/dist/esm/components/Table";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { Pagination } from "@patternfly/react-core/dist/esm/components/Pagination";
import { useMemo, useState } from "react";
import { _ } from "../words";
import { COLUMNS, found, sorted, type Column, type Kind, type Person } from "./people";
import { Row, type RowDeeds } from "./row";
import { UsersToolbar } from "./toolbar";

interface Props extends RowDeeds {
    people: Person[];
    isWhole: boolean;
    /** Who cannot be chosen: the viewer. Empty while that is not known, and nobody can be chosen then. */
    own: ReadonlySet<string>;
    /** How many others are enrolled. */
    others: number;
    disableSelected: (names: string[]) => void;
    disableAll: () => void;
}

function heading(column: Column): string {
    switch (column) {
        case "name": return _("User");
        case "enrolled": return _("Status");
        case "since": return _("Enrolled since");
        case "used": return _("Last use");
        case "waits": return _("Two codes needed");
    }
}

export function UsersTable({ people, isWhole, own, others, disableSelected, disableAll, ...deeds }: Props) {
    const [words, setWords] = useState("");
    const [kind, setKind] = useState<Kind>("all");
    const [order, setOrder] = useState<{ column: Column; isDescending: boolean }>({ column: "name", isDescending: false });
    const [{ page, length }, setPage] = useState({ page: 1, length: 20 });
    const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
    const all = useMemo(() => sorted(people, order.column, order.isDescending), [people, order]);
    const rows = useMemo(() => found(all, words, kind), [all, words, kind]);
    const pages = Math.max(1, Math.ceil(rows.length / length));
    const begin = (Math.min(page, pages) - 1) * length;
    const shown = rows.slice(begin, begin + length);
    const canMark = (person: Person) => person.enrolled && own.size > 0 && !own.has(person.name);
    // Who is not enrolled any more is not meant any more.
    const selected = useMemo(() => people.filter(person => marked.has(person.name) && canMark(person)).map(({ name }) => name),
        [people, marked, own]);
    const mark = (names: string[], is: boolean) =>
        setMarked(old => is ? new Set([...old, ...names]) : new Set([...old].filter(name => !names.includes(name))));
    const first = <Value,>(set: (value: Value) => void) => (value: Value) => { set(value); setPage({ page: 1, length }); };
    const markable = shown.filter(canMark);
    const paging = (variant: "top" | "bottom") => (
        <Pagination itemCount={rows.length} perPage={length} page={Math.min(page, pages)} variant={variant}
            isCompact={variant === "top"} widgetId={`users-${variant}`} titles={titles(variant)}
            onSetPage={(_event, page) => setPage({ page, length })}
            onPerPageSelect={(_event, length) => setPage({ page: 1, length })} />
    );
    return (
        <>
            <UsersToolbar people={people} isWhole={isWhole} count={rows.length} words={words} setWords={first(setWords)} kind={kind}
                setKind={first(setKind)} selected={selected.length} others={others} paging={paging("top")}
                disableSelected={() => disableSelected(selected)} disableAll={disableAll} />
            <Table aria-label={_("Users")} variant="compact" gridBreakPoint="grid-lg" className="pam-totp-users">
                <Thead>
                    <Tr>
                        <Th className="pf-v6-c-table__check">
                            <Checkbox id="select-all" aria-label={_("Select all on this page")} isDisabled={markable.length === 0}
                                isChecked={markable.length > 0 && markable.every(({ name }) => marked.has(name))}
                                onChange={(_event, is) => mark(markable.map(({ name }) => name), is)} />
                        </Th>
                        {COLUMNS.map((column, index) => (
                            <Th key={column} modifier="wrap" sort={{
                                columnIndex: index,
                                sortBy: {
                                    index: COLUMNS.indexOf(order.column), direction: order.isDescending ? "desc" : "asc",
                                },
                                onSort: (_event, _index, direction) => setOrder({ column, isDescending: direction === "desc" }),
                            }}>
                                {heading(column)}
                            </Th>
                        ))}
                        <Th screenReaderText={_("Actions")} />
                    </Tr>
                </Thead>
                <Tbody>
                    {shown.map((person, index) => (
                        <Row key={person.name} person={person} index={index} isOwn={own.has(person.name)} heading={heading}
                            isMarked={marked.has(person.name)} mark={canMark(person) ? is => mark([person.name], is) : null}
                            {...deeds} />
                    ))}
                    {shown.length === 0 && (
                        <Tr><Td colSpan={COLUMNS.length + 2}>{isWhole ? _("No user matches.") : _("Loading")}</Td></Tr>
                    )}
                </Tbody>
            </Table>
            {paging("bottom")}
        </>
    );
}

function titles(where: "top" | "bottom") {
    return {
        items: "", page: "", perPageSuffix: _("per page"), ofWord: _("of"), itemsPerPage: _("Users per page"),
        toFirstPageAriaLabel: _("First page"), toPreviousPageAriaLabel: _("Previous page"),
        toNextPageAriaLabel: _("Next page"), toLastPageAriaLabel: _("Last page"),
        currPageAriaLabel: _("Page"),
        paginationAriaLabel: where === "top" ? _("Pages above the table") : _("Pages below the table"),
    };
}
