// "Manage users": what an administrator does for everybody.

import { Content } from "@patternfly/react-core/dist/esm/components/Content";
import { _ } from "../words";

export function Users() {
    return <Content component="h2">{_("Manage users")}</Content>;
}
