/* libcurl, loaded when the first HTTP check needs it: with the TLS library behind it, it takes more memory than the rest of an
 * agent, and many agents have no HTTP check. It stays loaded then. Every call in this module goes through this table. */
#include "check_http.h"

#include <dlfcn.h>

#define LIBRARY "libcurl.so.4"

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    {"curl_global_init", offsetof(struct http_curl, global_init)},
    {"curl_global_cleanup", offsetof(struct http_curl, global_cleanup)},
    {"curl_free", offsetof(struct http_curl, free)},
    {"curl_slist_append", offsetof(struct http_curl, slist_append)},
    {"curl_slist_free_all", offsetof(struct http_curl, slist_free_all)},
    {"curl_easy_init", offsetof(struct http_curl, easy_init)},
    {"curl_easy_cleanup", offsetof(struct http_curl, easy_cleanup)},
    {"curl_easy_setopt", offsetof(struct http_curl, easy_setopt)},
    {"curl_easy_getinfo", offsetof(struct http_curl, easy_getinfo)},
    {"curl_easy_strerror", offsetof(struct http_curl, easy_strerror)},
    {"curl_multi_init", offsetof(struct http_curl, multi_init)},
    {"curl_multi_cleanup", offsetof(struct http_curl, multi_cleanup)},
    {"curl_multi_setopt", offsetof(struct http_curl, multi_setopt)},
    {"curl_multi_assign", offsetof(struct http_curl, multi_assign)},
    {"curl_multi_add_handle", offsetof(struct http_curl, multi_add_handle)},
    {"curl_multi_remove_handle", offsetof(struct http_curl, multi_remove_handle)},
    {"curl_multi_socket_action", offsetof(struct http_curl, multi_socket_action)},
    {"curl_multi_info_read", offsetof(struct http_curl, multi_info_read)},
    {"curl_url", offsetof(struct http_curl, url)},
    {"curl_url_cleanup", offsetof(struct http_curl, url_cleanup)},
    {"curl_url_set", offsetof(struct http_curl, url_set)},
    {"curl_url_get", offsetof(struct http_curl, url_get)},
};

co_status http_curl_load(struct http_curl *curl, struct co_error *error) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return co_fail(error, CO_UNSUPPORTED, "HTTP checks need " LIBRARY "; install libcurl (%s)", dlerror());
    for (size_t i = 0; i < CO_COUNT(functions); i++) {
        void *address = dlsym(library, functions[i].name);
        if (!address) return co_fail(error, CO_UNSUPPORTED, LIBRARY " is too old: it has no %s", functions[i].name);
        memcpy((char *)curl + functions[i].offset, &address, sizeof address);
    }
    return CO_OK;
}
