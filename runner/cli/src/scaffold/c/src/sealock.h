/* What a C step needs of `sealock:step` and `wasi:http`, by the Canonical ABI: the host's functions are imports, texts
   are pointer and length, and what does not fit into one value is written to a place that the caller names.
   Interfaces that are not here are declared in the same way; `wit-bindgen c` writes whole worlds. */
#ifndef SEALOCK_H
#define SEALOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *text;
  size_t length;
} text_t;

typedef enum { LEVEL_TRACE, LEVEL_DEBUG, LEVEL_INFO, LEVEL_NOTICE, LEVEL_WARNING, LEVEL_ERROR } level_t;

/* How the step ended: give one of these back from `step_run`. */
typedef enum { STEP_SUCCESS, STEP_SKIPPED, STEP_FAILED } outcome_t;

typedef struct {
  outcome_t outcome;
  text_t why;
} ended_t;

/* An answer of the network: its status, or why there is none. */
typedef enum { HTTP_ANSWERED, HTTP_DENIED, HTTP_FAILED } http_result_t;

/* Write this one. */
ended_t step_run(void);

text_t text_of(const char *zero_ended);
bool input_text(const char *name, text_t *out);
bool input_integer(const char *name, int64_t *out);
bool output_integer(const char *name, int64_t value);
bool output_text(const char *name, text_t value);
void log_line(level_t level, text_t message);
void annotate(level_t level, text_t message, text_t file, uint32_t line);
http_result_t http_post(text_t url, uint16_t *status);

#endif
