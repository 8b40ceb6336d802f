/* Request targets: from the raw bytes of a request line to a decoded path and a query string that is read lazily.
 * Pure functions of their input; sources: RFC 3986, RFC 9112 section 3.2, and the habits of Consul's server. */
#ifndef COHORT_HTTP_URI_H
#define COHORT_HTTP_URI_H

#include "cohort/arena.h"
#include "cohort/buffer.h"

struct http_uri {
    const char *path; /* percent-decoded, NUL follows; "*" or starts with '/' */
    size_t path_size;
    struct co_bytes query; /* raw; data NULL when there was no '?' */
};

/* Takes `text` (size bytes, a NUL behind them) apart in place. CO_INVALID: no path, a malformed escape; in the query also %00.
 * CO_DENIED: a control character in the path. A fragment and the http://host of a proxy are cut off. */
co_status http_uri_parse(char *text, size_t size, struct http_uri *out);

/* One "key=value" of a query string, raw. Pairs are separated by '&' or ';'. */
struct http_pair {
    struct co_bytes key, value;
};
bool http_query_next(struct co_bytes *rest, struct http_pair *out); /* skips empty pairs */
/* Decodes escapes, and '+' as a blank, into the arena. The input has passed http_uri_parse. */
const char *http_query_value(struct co_bytes raw, struct co_arena *);
bool http_query_key_is(struct co_bytes raw_key, const char *name);

/* Free of empty, "." and ".." segments? */
bool http_path_is_clean(const char *path, size_t size);
/* Writes the path without those, percent-encoded for a Location header. */
void http_path_clean(const char *path, size_t size, struct co_buffer *out);

#endif
