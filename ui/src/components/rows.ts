/**
 * Rows of a list are seen from the first moment on. The list would hide each until it has been measured, and what is
 * hidden cannot have the focus: a row that the keyboard has just been sent to would lose it. Rows are as high as the
 * list is told, so there is nothing to wait for.
 */
export const seen = () => ({ style: { visibility: "visible" } });
