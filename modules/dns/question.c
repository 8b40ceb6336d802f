/* What a name asks for: its labels as text, the domain at its end, the zone's label in it. Knows no zone by name except that an SRV
 * question may leave out "service" (RFC 2782 form). */
#include "dns/dns.h"

size_t dns_labels_below(const struct dns_query *query, const struct dns_name *domain) {
    const struct dns_name *name = &query->name;
    if (name->size < domain->size) return SIZE_MAX;
    size_t at = name->size - domain->size;
    if (memcmp(name->wire + at, domain->wire, domain->size) != 0) return SIZE_MAX;
    size_t count = query->label_count;
    while (count > 0 && query->labels[count - 1] >= at) count--;
    /* The bytes may be equal without a label's beginning there. */
    size_t next = count < query->label_count ? query->labels[count] : name->size - 1u;
    return next == at ? count : SIZE_MAX;
}

static bool has_text(const uint8_t *label) {
    for (size_t i = 1; i <= label[0]; i++) {
        if (label[i] == '\0' || label[i] == '.') return false;
    }
    return true;
}

bool dns_path_find(struct dns_path *path, const struct dns_query *query, size_t count,
                   bool (*is_zone)(void *, const char *), void *arg) {
    memcpy(path->text, query->name.wire, query->name.size);
    for (size_t i = 0; i < count; i++) {
        size_t at = query->labels[i];
        if (!has_text(query->name.wire + at)) return false;
        path->labels[i] = path->text + at + 1;
        path->text[at + 1u + query->name.wire[at]] = '\0'; /* over the next label's length */
    }
    path->count = count;
    path->is_bare = false;
    for (size_t i = count; i-- > 0;) {
        path->left = i;
        path->right = count - 1 - i;
        if (is_zone(arg, path->labels[i])) return true;
        if (query->type == DNS_SRV && path->labels[i][0] == '_') {
            path->is_bare = true;
            path->left = i + 1;
            return true;
        }
    }
    return false;
}
