// The heading of what has just been opened: the keyboard, and a screen reader with it, goes on there.

import { Title } from "@patternfly/react-core/dist/esm/components/Title";
import { type ReactNode, useEffect, useRef } from "react";

export function Heading({ children, focus = false }: { children: ReactNode; focus?: boolean }) {
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => { if (focus) heading.current?.focus(); }, [focus]);
    return <Title headingLevel="h2" size="lg" ref={heading} tabIndex={-1}>{children}</Title>;
}
