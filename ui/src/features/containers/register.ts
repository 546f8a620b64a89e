/** Called once the first screen is interactive: starts the feature's state and offers its commands. */
export function register() {}
