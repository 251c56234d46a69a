#include "policy/http_date.h"

/* Gregorian mean years: the rule needs no finer fifty years than that. */
#define FIFTY_YEARS_S (INT64_C(50) * 31556952)

struct date {
  int year; /* two digits only in RFC 850's form */
  int month;
  int day;
  int hour;
  int minute;
  int second;
};

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday"};

static int number(const char *digits, int count) {
  int value = 0;
  for (int i = 0; i < count; i++) value = value * 10 + (digits[i] - '0');
  return value;
}

static int month_of(const char *name) {
  for (int i = 0; i < 12; i++) {
    if (memcmp(name, months[i], 3) == 0) return i + 1;
  }
  return 0;
}

/* The weekday's size when the value begins with one, whole or cut to three letters; else 0. */
static size_t weekday_size(struct trail_slice value, bool whole) {
  for (int i = 0; i < 7; i++) {
    size_t size = whole ? strlen(days[i]) : 3;
    if (value.size >= size && memcmp(value.bytes, days[i], size) == 0) return size;
  }
  return 0;
}

/* Shapes: '0' is a digit, '_' a digit or a space, '*' any byte, all else itself. */
static bool has_shape(struct trail_slice value, const char *shape) {
  if (value.size != strlen(shape)) return false;
  for (size_t i = 0; i < value.size; i++) {
    char c = value.bytes[i];
    bool digit = c >= '0' && c <= '9';
    bool fits = shape[i] == '0'   ? digit
                : shape[i] == '_' ? digit || c == ' '
                                  : shape[i] == '*' || shape[i] == c;
    if (!fits) return false;
  }
  return true;
}

static void read_clock(struct date *date, const char *clock) {
  date->hour = number(clock, 2);
  date->minute = number(clock + 3, 2);
  date->second = number(clock + 6, 2);
}

static bool read_fixdate(struct trail_slice rest, struct date *date) {
  if (!has_shape(rest, ", 00 *** 0000 00:00:00 GMT")) return false;
  date->day = number(rest.bytes + 2, 2);
  date->month = month_of(rest.bytes + 5);
  date->year = number(rest.bytes + 9, 4);
  read_clock(date, rest.bytes + 14);
  return true;
}

static bool read_asctime(struct trail_slice rest, struct date *date) {
  if (!has_shape(rest, " *** _0 00:00:00 0000")) return false;
  const char *day = rest.bytes + 5;
  date->day = day[0] == ' ' ? number(day + 1, 1) : number(day, 2);
  date->month = month_of(rest.bytes + 1);
  date->year = number(rest.bytes + 17, 4);
  read_clock(date, rest.bytes + 8);
  return true;
}

static bool read_rfc850(struct trail_slice rest, struct date *date) {
  if (!has_shape(rest, ", 00-***-00 00:00:00 GMT")) return false;
  date->day = number(rest.bytes + 2, 2);
  date->month = month_of(rest.bytes + 5);
  date->year = number(rest.bytes + 9, 2);
  read_clock(date, rest.bytes + 12);
  return true;
}

static int month_days(int year, int month) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return lengths[month - 1] + (month == 2 && leap);
}

/* False for a date the calendar does not have. Second 60 is a leap second: the next minute's 0. */
static bool to_seconds(const struct date *date, int64_t *seconds) {
  if (date->month == 0 || date->day < 1 || date->day > month_days(date->year, date->month) ||
      date->hour > 23 || date->minute > 59 || date->second > 60) {
    return false;
  }
  /* Counted from March, 400 years before year 0: no year is negative, and leap days come last. */
  int64_t year = date->year + 400 - (date->month <= 2);
  int64_t month = (date->month + 9) % 12;
  int64_t day = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date->day;
  day -= 865566; /* 1 January 1970 */
  *seconds = (day * 24 + date->hour) * 3600 + date->minute * 60 + date->second;
  return true;
}

static bool with_century(struct date date, int64_t now, int64_t *seconds) {
  for (date.year += 9900; date.year >= 0; date.year -= 100) {
    int64_t at;
    if (to_seconds(&date, &at) && at - FIFTY_YEARS_S <= now) {
      *seconds = at;
      return true;
    }
  }
  return false;
}

bool trail_http_date_parse(struct trail_slice value, int64_t now, int64_t *seconds) {
  struct date date;
  size_t name = weekday_size(value, false);
  if (name == 0) return false;
  struct trail_slice rest = trail_slice_from(value, name);
  if (read_fixdate(rest, &date) || read_asctime(rest, &date)) return to_seconds(&date, seconds);
  name = weekday_size(value, true);
  if (name == 0 || !read_rfc850(trail_slice_from(value, name), &date)) return false;
  return with_century(date, now, seconds);
}
