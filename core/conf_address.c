/* Addresses of this machine: what an address setting may hold, the templates in it, and the address to advertise.
 *
 * Templates are the part of go-sockaddr that configuration files use: a source (GetPrivateIP, GetInterfaceIP "eth0",
 * GetPrivateInterfaces ...) and a pipeline of include, exclude, limit, attr and join. Others are refused by name. */
#include "conf.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#define INTERFACES_MAX 256
#define WORDS_MAX      16

struct interface {
    const char *name, *address;
    unsigned flags;
    bool is_ipv6, is_private, is_link_local;
};

struct interfaces {
    struct interface items[INTERFACES_MAX];
    size_t count;
};

bool co_address_is_ip(const char *text) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

bool co_address_is_any(const char *text) {
    return strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0 || strcmp(text, "[::]") == 0;
}

/* RFC 1918, RFC 4193 and, as go-sockaddr has it, RFC 6598. */
static bool is_private(int family, const void *address) {
    const uint8_t *b = address;
    if (family == AF_INET6) return (b[0] & 0xfe) == 0xfc;
    return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
           (b[0] == 100 && (b[1] & 0xc0) == 64);
}

static co_status list_interfaces(struct co_arena *arena, struct interfaces *out, struct co_error *error) {
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) return co_fail(error, CO_IO, "cannot list the network interfaces");
    for (struct ifaddrs *one = list; one && out->count < INTERFACES_MAX; one = one->ifa_next) {
        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP)) continue;
        int family = one->ifa_addr->sa_family;
        const void *address;
        if (family == AF_INET)
            address = &((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr;
        else if (family == AF_INET6)
            address = &((const struct sockaddr_in6 *)(const void *)one->ifa_addr)->sin6_addr;
        else
            continue;
        char text[INET6_ADDRSTRLEN];
        inet_ntop(family, address, text, sizeof text);
        const uint8_t *b = address;
        out->items[out->count++] = (struct interface){
            .name = co_arena_strdup(arena, one->ifa_name),
            .address = co_arena_strdup(arena, text),
            .flags = one->ifa_flags,
            .is_ipv6 = family == AF_INET6,
            .is_private = is_private(family, address),
            .is_link_local = family == AF_INET6 ? b[0] == 0xfe && (b[1] & 0xc0) == 0x80 : b[0] == 169 && b[1] == 254,
        };
    }
    freeifaddrs(list);
    return CO_OK;
}

/* The interface of the IPv4 default route, "" when there is none. */
static void default_interface(char out[IF_NAMESIZE]) {
    out[0] = '\0';
    FILE *routes = fopen("/proc/net/route", "re");
    if (!routes) return;
    char line[256], name[32];
    unsigned destination, gateway;
    while (fgets(line, sizeof line, routes))
        if (sscanf(line, "%31s %x %x", name, &destination, &gateway) == 3 && destination == 0) {
            snprintf(out, IF_NAMESIZE, "%.15s", name);
            break;
        }
    fclose(routes);
}

co_status co_address_guess(struct co_arena *arena, bool ipv6, const char **out, struct co_error *error) {
    struct interfaces all = {.count = 0};
    co_status status = list_interfaces(arena, &all, error);
    if (status) return status;
    const struct interface *found = NULL;
    bool is_ambiguous = false;
    char preferred[IF_NAMESIZE];
    default_interface(preferred);
    for (int pass = 0; pass < 3 && !found; pass++) /* private ones, then others, then loopback */
        for (size_t i = 0; i < all.count; i++) {
            const struct interface *one = &all.items[i];
            bool is_loopback = (one->flags & IFF_LOOPBACK) != 0;
            if (one->is_ipv6 != ipv6 || one->is_link_local || is_loopback != (pass == 2)) continue;
            if (pass == 0 && !one->is_private) continue;
            if (found && (strcmp(one->name, found->name) == 0 || strcmp(found->name, preferred) == 0)) continue;
            is_ambiguous = found && strcmp(one->name, preferred) != 0; /* the preferred one ends all doubt */
            if (!is_ambiguous) found = one;
        }
    if (!found)
        return co_fail(error, CO_INVALID, "this machine has no usable IPv%d address; set \"advertise_addr\"",
                       ipv6 ? 6 : 4);
    if (is_ambiguous && strcmp(found->name, preferred) != 0)
        return co_fail(
            error, CO_INVALID,
            "this machine has several private IPv%d addresses; choose one with \"bind_addr\" or \"advertise_addr\"",
            ipv6 ? 6 : 4);
    *out = found->address;
    return CO_OK;
}

/* --- templates --- */

struct stage {
    char *words[WORDS_MAX];
    size_t count;
};

/* Cuts `text` into words; "quoted ones" lose their quotes. Ends at | or the end of the text. */
static char *next_stage(char *text, struct stage *stage) {
    stage->count = 0;
    for (;;) {
        while (*text == ' ' || *text == '\t' || *text == '\n') text++;
        if (!*text) return text;
        if (*text == '|') return text + 1;
        if (stage->count == WORDS_MAX) return NULL;
        char quote = *text == '"' || *text == '`' ? *text : '\0';
        if (quote) text++;
        stage->words[stage->count++] = text;
        while (*text && (quote ? *text != quote : *text != ' ' && *text != '|' && *text != '\t')) text++;
        if (quote && !*text) return NULL;
        if (!*text) return text;
        bool is_pipe = *text == '|';
        *text++ = '\0';
        if (is_pipe) return text;
    }
}

static bool matches(const struct interface *one, const char *what, const char *value) {
    if (strcmp(what, "name") ==
        0) { /* go-sockaddr takes a regular expression; anchors and plain text are what is used */
        size_t size = strlen(value);
        bool anchored_start = value[0] == '^', anchored_end = size > 1 && value[size - 1] == '$';
        char plain[64];
        snprintf(plain, sizeof plain, "%.*s", (int)(size - anchored_start - anchored_end), value + anchored_start);
        if (anchored_start && anchored_end) return strcmp(one->name, plain) == 0;
        if (anchored_start) return strncmp(one->name, plain, strlen(plain)) == 0;
        return strstr(one->name, plain) != NULL;
    }
    if (strcmp(what, "type") == 0)
        return strcasecmp(value, "ip") == 0 || strcasecmp(value, one->is_ipv6 ? "ipv6" : "ipv4") == 0;
    if (strcmp(what, "address") == 0) return strcmp(one->address, value) == 0;
    if (strcmp(what, "flags") != 0) return false;
    if (strstr(value, "forwardable") && (one->is_link_local || (one->flags & IFF_LOOPBACK))) return false;
    if (strstr(value, "loopback") && !(one->flags & IFF_LOOPBACK)) return false;
    return !strstr(value, "up") || (one->flags & IFF_UP);
}

static bool is_filter_key(const char *what) {
    return strcmp(what, "name") == 0 || strcmp(what, "type") == 0 || strcmp(what, "address") == 0 ||
           strcmp(what, "flags") == 0;
}

static void keep(struct interfaces *list, const char *what, const char *value, bool wanted) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (matches(&list->items[i], what, value) == wanted) list->items[kept++] = list->items[i];
    list->count = kept;
}

static void keep_kind(struct interfaces *list, bool private) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct interface *one = &list->items[i];
        bool forwardable = !one->is_link_local && !(one->flags & IFF_LOOPBACK);
        if (forwardable && one->is_private == private) list->items[kept++] = *one;
    }
    list->count = kept;
}

/* The first stage. False when its name is unknown. `done`: the list is final and only its first (or all) addresses count. */
static bool open_source(const struct stage *stage, struct interfaces *list, bool *is_address, bool *is_many) {
    const char *name = stage->words[0];
    *is_address = *is_many = false;
    if (strcmp(name, "GetAllInterfaces") == 0) return true;
    if (strcmp(name, "GetPrivateInterfaces") == 0) return keep_kind(list, true), true;
    if (strcmp(name, "GetPublicInterfaces") == 0) return keep_kind(list, false), true;
    if (strcmp(name, "GetDefaultInterfaces") == 0) {
        char preferred[IF_NAMESIZE + 2];
        char found[IF_NAMESIZE];
        default_interface(found);
        snprintf(preferred, sizeof preferred, "^%s$", found);
        keep(list, "name", preferred, true);
        return true;
    }
    *is_address = true;
    *is_many = name[strlen(name) - 1] == 's';
    if (strcmp(name, "GetPrivateIP") == 0 || strcmp(name, "GetPrivateIPs") == 0) {
        keep_kind(list, true);
        if (!*is_many) keep(list, "type", "ipv4", true);
        return true;
    }
    if (strcmp(name, "GetPublicIP") == 0 || strcmp(name, "GetPublicIPs") == 0) {
        keep_kind(list, false);
        if (!*is_many) keep(list, "type", "ipv4", true);
        return true;
    }
    if ((strcmp(name, "GetInterfaceIP") == 0 || strcmp(name, "GetInterfaceIPs") == 0) && stage->count == 2) {
        char exact[IF_NAMESIZE + 64];
        snprintf(exact, sizeof exact, "^%.60s$", stage->words[1]);
        keep(list, "name", exact, true);
        return true;
    }
    return false;
}

static co_status run_template(struct co_arena *arena, char *text, struct co_buffer *out, struct co_error *error) {
    struct interfaces *list = co_arena_new(arena, struct interfaces);
    co_status status = list_interfaces(arena, list, error);
    if (status) return status;
    const char *shown = co_arena_strdup(arena, text), *separator = NULL;
    struct stage stage;
    bool is_address = false, is_many = false;
    for (size_t number = 0; *text; number++) {
        text = next_stage(text, &stage);
        if (!text || stage.count == 0) return co_fail(error, CO_INVALID, "malformed template {{%s}}", shown);
        const char *name = stage.words[0];
        if (number == 0) {
            if (!open_source(&stage, list, &is_address, &is_many))
                return co_fail(error, CO_INVALID,
                               "unknown function \"%s\" in {{%s}}; GetInterfaceIP, GetPrivateIP, GetPrivateInterfaces, "
                               "GetPublicIP, GetPublicInterfaces, GetAllInterfaces and GetDefaultInterfaces are known",
                               name, shown);
        } else if ((strcmp(name, "include") == 0 || strcmp(name, "exclude") == 0) && stage.count == 3 &&
                   is_filter_key(stage.words[1])) {
            keep(list, stage.words[1], stage.words[2], name[0] == 'i');
        } else if (strcmp(name, "limit") == 0 && stage.count == 2) {
            size_t limit = strtoul(stage.words[1], NULL, 10);
            if (limit < list->count) list->count = limit;
        } else if (strcmp(name, "attr") == 0 && stage.count == 2 && strcmp(stage.words[1], "address") == 0) {
            is_address = true;
        } else if (strcmp(name, "join") == 0 && stage.count == 3 && strcmp(stage.words[1], "address") == 0) {
            is_address = is_many = true;
            separator = co_arena_strdup(arena, stage.words[2]);
        } else {
            return co_fail(
                error, CO_INVALID,
                "\"%s\" with these arguments is not supported in {{%s}}; include, exclude (by name, type, flags, "
                "address), limit, attr \"address\" and join \"address\" are",
                name, shown);
        }
    }
    if (!is_address)
        return co_fail(error, CO_INVALID, "{{%s}} gives interfaces, not addresses; add | attr \"address\"", shown);
    for (size_t i = 0; i < list->count && (is_many || i == 0); i++)
        co_buffer_printf(out, "%s%s", i ? (separator ? separator : " ") : "", list->items[i].address);
    if (list->count == 0) return co_fail(error, CO_INVALID, "{{%s}} gives no address on this machine", shown);
    return CO_OK;
}

const char *co_address_expand(struct co_arena *arena, const char *text, struct co_error *error) {
    if (!strstr(text, "{{")) return text;
    struct co_buffer out = {0};
    const char *result = NULL;
    for (;;) {
        const char *open = strstr(text, "{{");
        if (!open) break;
        const char *close = strstr(open, "}}");
        if (!close) {
            co_fail(error, CO_INVALID, "{{ without }} in \"%s\"", text);
            goto out;
        }
        co_buffer_add(&out, text, (size_t)(open - text));
        if (run_template(arena, co_arena_text(arena, open + 2, (size_t)(close - open - 2)), &out, error)) goto out;
        text = close + 2;
    }
    co_buffer_add_text(&out, text);
    result = co_arena_strdup(arena, co_buffer_text(&out));
out:
    co_buffer_fini(&out);
    return result;
}
