/**
 * Shows the rows of a list at once. The virtual list would hide each row until it has been measured, and a
 * hidden row loses the focus that the keyboard has just given it. Rows have a fixed height, so there is
 * nothing to wait for.
 */
export const seen = () => ({ style: { visibility: "visible" } });
