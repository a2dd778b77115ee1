// HTTP dates, written and read: RFC 9110 section 5.6.7. Whole seconds, because the format has no more.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const IMF = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const RFC850 = /^[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;

/** `Sun, 06 Nov 1994 08:49:37 GMT` for a time in milliseconds. */
export function formatHttpDate(time: number): string {
  return new Date(time).toUTCString();
}

/**
 * The time in milliseconds that an HTTP date names, NaN if it is none. All three forms are read, as the RFC demands
 * of a recipient; `now` places the two-digit years of the RFC 850 form.
 */
export function parseHttpDate(text: string, now: number = Date.now()): number {
  // The longest valid form, "Wednesday, 06-Nov-94 08:49:37 GMT", has 33 characters.
  if (text.length > 33) return Number.NaN;
  let m = IMF.exec(text);
  if (m !== null) return toTime(m[3]!, m[2]!, m[1]!, m[4]!, m[5]!, m[6]!);
  m = ASCTIME.exec(text);
  if (m !== null) return toTime(m[6]!, m[1]!, m[2]!, m[3]!, m[4]!, m[5]!);
  m = RFC850.exec(text);
  if (m === null) return Number.NaN;
  // A two-digit year more than 50 years ahead means the one a century before.
  const thisYear = new Date(now).getUTCFullYear();
  let year = thisYear - (thisYear % 100) + Number(m[3]);
  if (year > thisYear + 50) year -= 100;
  return toTime(String(year), m[2]!, m[1]!, m[4]!, m[5]!, m[6]!);
}

function toTime(
  year: string,
  month: string,
  day: string,
  hour: string,
  minute: string,
  second: string,
): number {
  const index = MONTHS.indexOf(month);
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second)];
  if (index === -1 || d < 1 || d > 31 || h > 23 || m > 59 || s > 60) return Number.NaN;
  return Date.UTC(Number(year), index, d, h, m, s);
}
