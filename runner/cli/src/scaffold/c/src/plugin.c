/* Fails when a file has too few lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sealock.h"

static int64_t count_lines(text_t file) {
  char path[4096];
  snprintf(path, sizeof path, "/workspace/%.*s", (int)file.length, file.text);
  FILE *opened = fopen(path, "r");
  if (!opened) return -1;
  int64_t lines = 0;
  int last = '\n';
  for (int c; (c = getc(opened)) != EOF; last = c) lines += c == '\n';
  fclose(opened);
  return lines + (last != '\n');
}

/* The count is worth telling and not worth failing for: a denied call is a warning. */
static void tell(text_t url) {
  char line[512];
  uint16_t status = 0;
  level_t level = LEVEL_WARNING;
  switch (http_post(url, &status)) {
    case HTTP_ANSWERED:
      level = LEVEL_INFO;
      snprintf(line, sizeof line, "told %.*s: %u", (int)url.length, url.text, status);
      break;
    case HTTP_DENIED:
      snprintf(line, sizeof line, "not told: %.*s is not granted", (int)url.length, url.text);
      break;
    default:
      snprintf(line, sizeof line, "not told: %.*s does not answer", (int)url.length, url.text);
  }
  log_line(level, text_of(line));
}

ended_t step_run(void) {
  static char why[256];
  text_t file, url;
  int64_t minimum = 1;
  if (!input_text("file", &file)) return (ended_t){STEP_FAILED, text_of("the input `file` is missing")};
  input_integer("minimum", &minimum);

  int64_t lines = count_lines(file);
  if (lines < 0) return (ended_t){STEP_FAILED, text_of("the file cannot be read")};
  output_integer("lines", lines);
  if (input_text("tell", &url)) tell(url);
  if (lines >= minimum) return (ended_t){STEP_SUCCESS, {"", 0}};

  annotate(LEVEL_ERROR, text_of("too few lines"), file, 1);
  snprintf(why, sizeof why, "found %lld lines, expected %lld", (long long)lines, (long long)minimum);
  return (ended_t){STEP_FAILED, text_of(why)};
}
