/* Names on the wire: from text, and in lower case. Text splits at every dot; there are no escapes, because registered names
 * have none. */
#include "dns/packet.h"

bool dns_name_add(struct dns_name *name, const char *text) {
    for (;;) {
        size_t size = strcspn(text, ".");
        if (size == 0 || size > DNS_LABEL_MAX || name->size + 1 + size > DNS_NAME_MAX - 1) return false;
        name->wire[name->size++] = (uint8_t)size;
        memcpy(name->wire + name->size, text, size);
        name->size += (uint16_t)size;
        text += size;
        if (*text == '.') text++;
        if (!*text) return true;
    }
}

bool dns_name_end(struct dns_name *name) {
    if (name->size >= DNS_NAME_MAX) return false;
    name->wire[name->size++] = 0;
    return true;
}

bool dns_name_from(struct dns_name *name, const char *text) {
    name->size = 0;
    return dns_name_add(name, text) && dns_name_end(name);
}

bool dns_name_full(struct dns_name *name, const char *labels, const char *what, const char *datacenter,
                   const struct dns_name *domain) {
    name->size = 0;
    if (!dns_name_add(name, labels) || !dns_name_add(name, what) || !dns_name_add(name, datacenter)) return false;
    if (name->size + domain->size > DNS_NAME_MAX) return false;
    memcpy(name->wire + name->size, domain->wire, domain->size);
    name->size = (uint16_t)(name->size + domain->size);
    return true;
}

/* Length bytes are below 'A', so whole names may be passed. */
void dns_lower(uint8_t *out, const uint8_t *in, size_t size) {
    for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(in[i] + ((uint8_t)(in[i] - 'A') < 26 ? 32 : 0));
}
