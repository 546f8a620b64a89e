const SECRET =
	/(?:^|_)(?:PASS(?:WORD|WD|PHRASE)?|PWD|TOKEN|SECRET|CREDENTIALS?|(?:API|ACCESS|PRIVATE|SIGNING|ENCRYPTION)?_?KEY)S?(?:_|$)/i;
const NOT_SECRET = /(?:_FILE|_PATH|_DIR|_ID)$|^(?:OLD)?PWD$/i;
/** Names that Docker's official images use without an underscore: `PGPASSWORD`, `MYSQL_ROOT_PASSWORD`. */
const GLUED = /(?:PASSWORD|PASSWD|SECRET|TOKEN|APIKEY)/i;

/** Whether the value of an environment variable is masked until it is revealed. */
export function looksSecret(name: string): boolean {
	return !NOT_SECRET.test(name) && (SECRET.test(name) || GLUED.test(name));
}
