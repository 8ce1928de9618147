// The QR code as elements of the page: neither as HTML nor as the URL of a picture, where it would stay.

import { useMemo } from "react";
import { _ } from "../words";

interface Drawing {
    side: number;
    modules: string;
}

/** Of `qr_svg` what is drawn, and nothing else that might be in it. */
function drawingOf(svg: string): Drawing | null {
    const picture = new DOMParser().parseFromString(svg, "image/svg+xml");
    const side = /^0 0 (\d+) \1$/.exec(picture.documentElement.getAttribute("viewBox") ?? "")?.[1];
    const modules = picture.querySelector("path")?.getAttribute("d") ?? "";
    return side !== undefined && /^[Mhvz0-9 -]+$/.test(modules) ? { side: Number(side), modules } : null;
}

export function QrCode({ svg }: { svg: string }) {
    const drawing = useMemo(() => drawingOf(svg), [svg]);
    if (drawing === null) {
        return null;
    }
    const { side, modules } = drawing;
    return (
        <svg className="pam-totp-qr" role="img" aria-label={_("QR code for the authenticator app")} viewBox={`0 0 ${side} ${side}`}
            shapeRendering="crispEdges">
            <rect width={side} height={side} fill="#fff" />
            <path d={modules} fill="#000" />
        </svg>
    );
}
