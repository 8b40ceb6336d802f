/* Inside the HCL parser: letters, and the values that tree_hcl_text.c reads for conf_hcl.c. */
#ifndef COHORT_CORE_TREE_HCL_H
#define COHORT_CORE_TREE_HCL_H

#include "tree_scan.h"

static inline bool hcl_next_is(struct scan *scan, char c) {
    return scan->at < scan->end && *scan->at == c;
}
static inline bool hcl_next_are(struct scan *scan, const char *two) {
    return scan->end - scan->at >= 2 && scan->at[0] == two[0] && scan->at[1] == two[1];
}

static inline bool hcl_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}
static inline bool hcl_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool hcl_is_word(char c) {
    return hcl_is_letter(c) || hcl_is_digit(c) || c == '-' || c == '.';
}
static inline bool hcl_is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "expected WHAT, not ..." */
co_status hcl_expected(struct scan *, const char *what);
co_status hcl_string(struct scan *, struct co_bytes *out);
co_status hcl_heredoc(struct scan *, struct co_bytes *out);
co_status hcl_number(struct scan *, struct co_node *);

#endif
