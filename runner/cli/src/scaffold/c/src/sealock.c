#include "sealock.h"

#include <stdlib.h>
#include <string.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

text_t text_of(const char *zero_ended) { return (text_t){zero_ended, strlen(zero_ended)}; }

/* The host puts texts that it gives into memory that it asks for here. */
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t new_size) {
  (void)old_size;
  if (new_size == 0) return (void *)align;
  void *memory = realloc(old, new_size);
  if (!memory) abort();
  return memory;
}

/* sealock:step/inputs and outputs: `option<value>`, the value's kind and payload eight bytes apart. */

enum { VALUE_TEXT, VALUE_FLAG, VALUE_INTEGER, VALUE_NUMBER, VALUE_ITEMS, VALUE_JSON };

typedef struct {
  uint8_t is_some;
  _Alignas(8) uint8_t kind;
  _Alignas(8) union {
    text_t text;
    int64_t integer;
  };
} maybe_value_t;

/* `result<_, error>`: an error is forty-four bytes behind its discriminant. */
typedef struct {
  uint8_t is_error;
  _Alignas(4) uint8_t error[44];
} result_t;

IMPORT("sealock:step/inputs@0.1.0", "get") void inputs_get(const char *, size_t, maybe_value_t *);
IMPORT("sealock:step/outputs@0.1.0", "set")
void outputs_set(const char *, size_t, int32_t kind, int64_t first, int32_t second, result_t *);

static bool input(const char *name, int kind, maybe_value_t *value) {
  inputs_get(name, strlen(name), value);
  return value->is_some && value->kind == kind;
}

bool input_text(const char *name, text_t *out) {
  maybe_value_t value;
  if (!input(name, VALUE_TEXT, &value)) return false;
  *out = value.text;
  return true;
}

bool input_integer(const char *name, int64_t *out) {
  maybe_value_t value;
  if (!input(name, VALUE_INTEGER, &value)) return false;
  *out = value.integer;
  return true;
}

bool output_integer(const char *name, int64_t value) {
  result_t result;
  outputs_set(name, strlen(name), VALUE_INTEGER, value, 0, &result);
  return !result.is_error;
}

bool output_text(const char *name, text_t value) {
  result_t result;
  outputs_set(name, strlen(name), VALUE_TEXT, (int64_t)(uintptr_t)value.text, (int32_t)value.length, &result);
  return !result.is_error;
}

/* sealock:step/log */

IMPORT("sealock:step/log@0.1.0", "emit") void log_emit(int32_t level, const char *, size_t);

IMPORT("sealock:step/log@0.1.0", "annotate")
void log_annotate(int32_t level, const char *, size_t, int32_t has_title, const char *, size_t, int32_t has_place,
                  const char *, size_t, int32_t line, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t);

void log_line(level_t level, text_t message) { log_emit(level, message.text, message.length); }

void annotate(level_t level, text_t message, text_t file, uint32_t line) {
  log_annotate(level, message.text, message.length, 0, NULL, 0, 1, file.text, file.length, (int32_t)line, 0, 0, 0, 0, 0,
               0);
}

/* wasi:http, as far as sending a request without a body goes. */

#define HTTP "wasi:http/types@0.2.6"

enum { METHOD_POST = 2, SCHEME_HTTP = 0, SCHEME_HTTPS = 1, ERROR_REQUEST_DENIED = 15 };

/* Three nested results and an error's kind, each eight bytes further on. */
typedef struct {
  uint8_t outer;
  uint8_t fill1[7];
  union {
    int32_t handle;
    uint8_t kind;
    uint8_t middle;
  };
  uint8_t fill2[4];
  uint8_t inner;
  uint8_t fill3[7];
  union {
    int32_t response;
    uint8_t error;
  };
  uint8_t rest[64];
} __attribute__((aligned(8))) answer_t;

IMPORT(HTTP, "[constructor]fields") int32_t fields_new(void);
IMPORT(HTTP, "[constructor]outgoing-request") int32_t request_new(int32_t fields);
IMPORT(HTTP, "[method]outgoing-request.set-method") int32_t set_method(int32_t, int32_t, const char *, size_t);
IMPORT(HTTP, "[method]outgoing-request.set-scheme") int32_t set_scheme(int32_t, int32_t, int32_t, const char *, size_t);
IMPORT(HTTP, "[method]outgoing-request.set-authority") int32_t set_authority(int32_t, int32_t, const char *, size_t);
IMPORT(HTTP, "[method]outgoing-request.set-path-with-query") int32_t set_path(int32_t, int32_t, const char *, size_t);
IMPORT(HTTP, "[method]future-incoming-response.subscribe") int32_t subscribe(int32_t);
IMPORT(HTTP, "[method]future-incoming-response.get") void future_get(int32_t, answer_t *);
IMPORT(HTTP, "[method]incoming-response.status") int32_t response_status(int32_t);
IMPORT("wasi:http/outgoing-handler@0.2.6", "handle") void handle(int32_t request, int32_t, int32_t, answer_t *);
IMPORT("wasi:io/poll@0.2.6", "[method]pollable.block") void block(int32_t);

http_result_t http_post(text_t url, uint16_t *status) {
  int secure = url.length > 8 && memcmp(url.text, "https://", 8) == 0;
  size_t start = secure ? 8 : 7;
  if (url.length <= start || (!secure && memcmp(url.text, "http://", 7) != 0)) return HTTP_FAILED;
  const char *authority = url.text + start, *end = url.text + url.length, *path = authority;
  while (path < end && *path != '/') path++;

  int32_t request = request_new(fields_new());
  set_method(request, METHOD_POST, NULL, 0);
  set_scheme(request, 1, secure ? SCHEME_HTTPS : SCHEME_HTTP, NULL, 0);
  set_authority(request, 1, authority, (size_t)(path - authority));
  set_path(request, path < end, path, (size_t)(end - path));

  answer_t answer = {0};
  handle(request, 0, 0, &answer);
  if (answer.outer) return answer.kind == ERROR_REQUEST_DENIED ? HTTP_DENIED : HTTP_FAILED;
  int32_t future = answer.handle;
  block(subscribe(future));
  memset(&answer, 0, sizeof answer);
  future_get(future, &answer);
  if (!answer.outer || answer.middle) return HTTP_FAILED;
  if (answer.inner) return answer.error == ERROR_REQUEST_DENIED ? HTTP_DENIED : HTTP_FAILED;
  *status = (uint16_t)response_status(answer.response);
  return HTTP_ANSWERED;
}

/* sealock:step/step: `result<outcome, error>`. */

typedef struct {
  uint8_t is_error;
  _Alignas(4) uint8_t outcome;
  text_t why;
  uint8_t rest[32];
} returned_t;

EXPORT("sealock:step/step@0.1.0#run") returned_t *exported_run(void) {
  static returned_t returned;
  ended_t ended = step_run();
  returned = (returned_t){.outcome = (uint8_t)ended.outcome, .why = ended.why};
  return &returned;
}
