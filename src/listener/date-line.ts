// The `date` field of responses.

let dateLine = '';
let dateSecond = 0;

/** The `date` line with its CRLF, made once a second (RFC 9110 section 6.6.1). */
export function currentDateLine(): string {
  const now = Date.now();
  if (now - dateSecond >= 1000 || now < dateSecond) {
    dateSecond = now - (now % 1000);
    dateLine = `date: ${new Date(dateSecond).toUTCString()}\r\n`;
  }
  return dateLine;
}
