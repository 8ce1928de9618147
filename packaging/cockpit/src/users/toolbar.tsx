// What stands above the table: the search, which users, and what can be done with many of them.

import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { SearchInput } from "@patternfly/react-core/dist/esm/components/SearchInput";
import { ToggleGroup, ToggleGroupItem } from "@patternfly/react-core/dist/esm/components/ToggleGroup";
import { Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core/dist/esm/components/Toolbar";
import { useMemo, type ReactNode } from "react";
import { _, ngettext } from "../words";
import { isOf, KINDS, type Kind, type Person } from "./people";

interface Props {
    people: Person[];
    isWhole: boolean;
    /** How many rows there are with this search. */
    count: number;
    words: string;
    setWords: (words: string) => void;
    kind: Kind;
    setKind: (kind: Kind) => void;
    selected: number;
    /** Enrolled, and not the viewer. */
    others: number;
    paging: ReactNode;
    disableSelected: () => void;
    disableAll: () => void;
}

function name(kind: Kind): string {
    switch (kind) {
        case "all": return _("All");
        case "enrolled": return _("Enrolled");
        case "unenrolled": return _("Not enrolled");
        case "waiting": return _("Two codes needed");
    }
}

export function UsersToolbar(props: Props) {
    const { people, isWhole, count, words, setWords, kind, setKind, selected, paging } = props;
    const counts = useMemo(() => KINDS.map(kind => people.filter(person => isOf(kind, person)).length), [people]);
    return (
        <Toolbar>
            <ToolbarContent>
                <ToolbarItem>
                    <SearchInput aria-label={_("Search users")} placeholder={_("Search users")} value={words}
                        resetButtonLabel={_("Clear the search")} onChange={(_event, words) => setWords(words)}
                        onClear={() => setWords("")} />
                </ToolbarItem>
                <ToolbarItem>
                    <ToggleGroup isCompact aria-label={_("Which users")}>
                        {KINDS.map((each, index) => (
                            <ToggleGroupItem key={each} text={`${name(each)} (${counts[index] ?? 0})`} isSelected={each === kind}
                                onChange={() => setKind(each)} />
                        ))}
                    </ToggleGroup>
                </ToolbarItem>
                <ToolbarItem>
                    <Button variant="secondary" isDisabled={selected === 0} onClick={props.disableSelected}>
                        {_("Disable Selected")}{selected > 0 && ` (${selected})`}
                    </Button>
                </ToolbarItem>
                <ToolbarItem>
                    <Button variant="secondary" isDanger isDisabled={!isWhole || props.others === 0} onClick={props.disableAll}>
                        {_("Disable All")}
                    </Button>
                </ToolbarItem>
                <ToolbarItem align={{ default: "alignEnd" }} variant="pagination">{paging}</ToolbarItem>
                <span className="pf-v6-screen-reader" role="status">
                    {isWhole ? ngettext("$0 user is shown.", "$0 users are shown.", count) : ""}
                </span>
            </ToolbarContent>
        </Toolbar>
    );
}
