/* cohort kv ...: values in, values out. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

/* The key of the argument, escaped in a path. Consul's clients refuse a leading slash, since "/a" and "a" would look alike. */
static const char *key_path(struct cli *cli, const char *key, const char *prefix) {
    if (key[0] == '/') {
        fprintf(stderr, "%s: Invalid key. Key must not begin with a '/': %s\n", prefix, key);
        return NULL;
    }
    return co_arena_printf(&cli->arena, "/v1/kv/%s", cli_escape(cli, key, true));
}

static const struct co_node *member(const struct co_node *entry, const char *name) {
    return co_tree_get(entry, name);
}

static long long number(const struct co_node *entry, const char *name) {
    const struct co_node *value = member(entry, name);
    return value && value->kind == CO_NODE_NUMBER ? (long long)value->integer : 0;
}

static struct co_bytes value_of(struct cli *cli, const struct co_node *entry) {
    const struct co_node *value = member(entry, "Value");
    if (!value || value->kind != CO_NODE_STRING) return co_bytes("", 0);
    size_t size = 0;
    void *out = co_arena_alloc(&cli->arena, value->text.size + 1);
    if (!co_base64_decode(value->text.data, value->text.size, out, &size)) size = 0;
    return co_bytes(out, size);
}

static void print_value(struct cli *cli, const struct co_node *entry, bool as_base64) {
    struct co_bytes value = value_of(cli, entry);
    if (as_base64)
        fputs(co_tree_text(entry, "Value", ""), stdout);
    else
        fwrite(value.data, 1, value.size, stdout);
    putchar('\n');
}

static void print_detailed(struct cli *cli, const struct co_node *entry, bool as_base64) {
    const char *session = co_tree_text(entry, "Session", "");
    printf("CreateIndex      %lld\n", number(entry, "CreateIndex"));
    printf("Flags            %lld\n", number(entry, "Flags"));
    printf("Key              %s\n", co_tree_text(entry, "Key", ""));
    printf("LockIndex        %lld\n", number(entry, "LockIndex"));
    printf("ModifyIndex      %lld\n", number(entry, "ModifyIndex"));
    printf("Session          %s\n", session[0] ? session : "-");
    printf("Value            ");
    print_value(cli, entry, as_base64);
}

int cli_kv_get(const struct co_command *command, int argc, char **argv) {
    bool as_base64 = false, detailed = false, keys = false, recurse = false;
    const char *separator = "/";
    const struct cli_flag flags[] = {
        {"base64", CLI_BOOL, &as_base64, NULL, "Print values in base 64."},
        {"detailed", CLI_BOOL, &detailed, NULL, "Print indexes, flags and session as well."},
        {"keys", CLI_BOOL, &keys, NULL, "Print the keys that start with the argument, not their values."},
        {"recurse", CLI_BOOL, &recurse, NULL, "Print all keys that start with the argument, with their values."},
        {"separator", CLI_TEXT, &separator, "string", "With -keys: list up to this text only. The default is /."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 1)) return cli_end(&cli, 1);
    const char *key = cli.argc ? cli.argv[0] : "";
    if (!key[0] && !keys && !recurse) {
        fputs("Error! Missing KEY argument\n", stderr);
        return cli_end(&cli, 1);
    }
    const char *prefix = "Error querying the agent", *path = key_path(&cli, key, prefix);
    if (!path) return cli_end(&cli, 1);
    if (keys)
        path = cli_query(&cli, co_arena_printf(&cli.arena, "%s?keys", path), "separator", separator);
    else if (recurse)
        path = co_arena_printf(&cli.arena, "%s?recurse", path);
    struct cli_answer answer;
    if (!cli_call(&cli, "GET", path, co_bytes(NULL, 0), 404, prefix, &answer)) return cli_end(&cli, 1);
    if (answer.status == 404) {
        if (keys || recurse) return cli_end(&cli, 0);
        fprintf(stderr, "Error! No key exists at: %s\n", key);
        return cli_end(&cli, 1);
    }
    struct co_node *list;
    struct co_error error;
    if (co_tree_parse_body(&cli.arena, answer.body, &list, &error)) {
        fprintf(stderr, "%s: the answer is no JSON: %s\n", prefix, error.text);
        return cli_end(&cli, 1);
    }
    if (cli.is_json) {
        cli_print_json(&cli, list);
        return cli_end(&cli, 0);
    }
    bool first = true;
    for (const struct co_item *item = list->items; item; item = item->next) {
        if (keys) {
            puts(item->value->text.data);
        } else if (detailed) {
            if (!first) putchar('\n');
            print_detailed(&cli, item->value, as_base64);
        } else {
            if (recurse) printf("%s:", co_tree_text(item->value, "Key", ""));
            print_value(&cli, item->value, as_base64);
        }
        first = false;
    }
    return cli_end(&cli, 0);
}

static bool is_true(const struct cli_answer *answer) {
    return answer->body.size >= 4 && memcmp(answer->body.data, "true", 4) == 0;
}

int cli_kv_put(const struct co_command *command, int argc, char **argv) {
    bool acquire = false, as_base64 = false, cas = false, release = false;
    uint64_t value_flags = 0, modify_index = UINT64_MAX;
    const char *session = "";
    const struct cli_flag flags[] = {
        {"acquire", CLI_BOOL, &acquire, NULL, "Take the lock on the key for -session."},
        {"base64", CLI_BOOL, &as_base64, NULL, "The value is given in base 64."},
        {"cas", CLI_BOOL, &cas, NULL,
         "Write only if the key's ModifyIndex still is -modify-index (0: only if it does not exist)."},
        {"flags", CLI_NUMBER, &value_flags, "uint", "A number to keep with the value, for the client's own use."},
        {"modify-index", CLI_NUMBER, &modify_index, "uint", "The index that -cas compares with."},
        {"release", CLI_BOOL, &release, NULL, "Give back the lock that -session holds."},
        {"session", CLI_TEXT, &session, "string", "The session for -acquire and -release."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 2)) return cli_end(&cli, 1);
    if (cli.argc == 0) {
        fputs("Error! Missing KEY argument\n", stderr);
        return cli_end(&cli, 1);
    }
    if (cas && modify_index == UINT64_MAX) {
        fputs("Must specify -modify-index with -cas!\n", stderr);
        return cli_end(&cli, 1);
    }
    if ((acquire || release) && !session[0]) {
        fputs("Error! Missing -session (required with -acquire and -release)\n", stderr);
        return cli_end(&cli, 1);
    }
    const char *key = cli.argv[0], *prefix = "Error! Failed writing data", *path = key_path(&cli, key, prefix);
    struct co_bytes value = {"", 0};
    if (!path || (cli.argc > 1 && !cli_value(&cli, cli.argv[1], &value))) return cli_end(&cli, 1);
    if (as_base64) {
        size_t size = 0;
        void *raw = co_arena_alloc(&cli.arena, value.size + 1);
        if (!co_base64_decode(value.data, value.size, raw, &size)) { /* unlike Consul's, nothing is written then */
            fputs("Error! Cannot base 64 decode data; nothing was written\n", stderr);
            return cli_end(&cli, 1);
        }
        value = co_bytes(raw, size);
    }
    if (value_flags)
        path = cli_query(&cli, path, "flags", co_arena_printf(&cli.arena, "%llu", (unsigned long long)value_flags));
    if (cas) path = cli_query(&cli, path, "cas", co_arena_printf(&cli.arena, "%llu", (unsigned long long)modify_index));
    if (acquire) path = cli_query(&cli, path, "acquire", session);
    if (release) path = cli_query(&cli, path, "release", session);
    struct cli_answer answer;
    if (!cli_call(&cli, "PUT", path, value, 0, prefix, &answer)) return cli_end(&cli, 1);
    if (!is_true(&answer)) {
        fprintf(stderr, "Error! Did not write to %s: %s failed\n", key, cas ? "CAS" : acquire ? "Lock" : "Release");
        return cli_end(&cli, 1);
    }
    printf(acquire   ? "Success! Lock acquired on: %s\n"
           : release ? "Success! Lock released on: %s\n"
                     : "Success! Data written to: %s\n",
           key);
    return cli_end(&cli, 0);
}

int cli_kv_delete(const struct co_command *command, int argc, char **argv) {
    bool cas = false, recurse = false;
    uint64_t modify_index = UINT64_MAX;
    const struct cli_flag flags[] = {
        {"cas", CLI_BOOL, &cas, NULL, "Delete only if the key's ModifyIndex still is -modify-index."},
        {"modify-index", CLI_NUMBER, &modify_index, "uint", "The index that -cas compares with."},
        {"recurse", CLI_BOOL, &recurse, NULL, "Delete every key that starts with the argument."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 1)) return cli_end(&cli, 1);
    const char *key = cli.argc ? cli.argv[0] : "", *wrong = NULL;
    if (!key[0] && !recurse)
        wrong = "Error! Missing KEY argument";
    else if (cas && recurse)
        wrong = "Cannot specify both -cas and -recurse!";
    else if (cas && modify_index == UINT64_MAX)
        wrong = "Must specify -modify-index with -cas!";
    const char *prefix = "Error! Did not delete the key", *path = wrong ? NULL : key_path(&cli, key, prefix);
    if (wrong) fprintf(stderr, "%s\n", wrong);
    if (!path) return cli_end(&cli, 1);
    if (recurse) path = co_arena_printf(&cli.arena, "%s?recurse", path);
    if (cas) path = cli_query(&cli, path, "cas", co_arena_printf(&cli.arena, "%llu", (unsigned long long)modify_index));
    struct cli_answer answer;
    if (!cli_call(&cli, "DELETE", path, co_bytes(NULL, 0), 0, prefix, &answer)) return cli_end(&cli, 1);
    if (!is_true(&answer)) {
        fprintf(stderr, "Error! Did not delete key %s: CAS failed\n", key);
        return cli_end(&cli, 1);
    }
    printf(recurse ? "Success! Deleted keys with prefix: %s\n" : "Success! Deleted key: %s\n", key);
    return cli_end(&cli, 0);
}

int cli_kv_export(const struct co_command *command, int argc, char **argv) {
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, NULL, 0, &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 1)) return cli_end(&cli, 1);
    const char *prefix = "Error querying the agent", *path = key_path(&cli, cli.argc ? cli.argv[0] : "", prefix);
    struct cli_answer answer;
    if (!path || !cli_call(&cli, "GET", co_arena_printf(&cli.arena, "%s?recurse", path), co_bytes(NULL, 0), 404, prefix,
                           &answer))
        return cli_end(&cli, 1);
    struct co_node *list = NULL;
    if (answer.status == 404 || co_tree_parse_body(&cli.arena, answer.body, &list, NULL) || !list->items) {
        puts("[]");
        return cli_end(&cli, 0);
    }
    struct co_buffer out = {0};
    for (const struct co_item *item = list->items; item; item = item->next) {
        const char *key = co_tree_text(item->value, "Key", "");
        co_buffer_add_text(&out, item == list->items ? "[\n\t{\n\t\t\"key\": " : ",\n\t{\n\t\t\"key\": ");
        co_buffer_add_json_string(&out, key, strlen(key));
        co_buffer_printf(&out, ",\n\t\t\"flags\": %lld,\n\t\t\"value\": \"%s\"\n\t}", number(item->value, "Flags"),
                         co_tree_text(item->value, "Value", ""));
    }
    printf("%s\n]\n", co_buffer_text(&out));
    co_buffer_fini(&out);
    return cli_end(&cli, 0);
}

static bool import_one(struct cli *cli, const struct co_node *entry) {
    const char *key = co_tree_text(entry, "key", NULL), *prefix = "Error! Failed writing data";
    if (!key) {
        fputs("Error! An entry has no \"key\"; export shows the format\n", stderr);
        return false;
    }
    const char *path = key_path(cli, key, prefix);
    if (!path) return false;
    path = cli_query(cli, path, "flags", co_arena_printf(&cli->arena, "%lld", number(entry, "flags")));
    struct cli_answer answer;
    if (!cli_call(cli, "PUT", path, value_of(cli, entry), 0, prefix, &answer)) return false;
    printf("Imported: %s\n", key);
    return true;
}

int cli_kv_import(const struct co_command *command, int argc, char **argv) {
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, NULL, 0, &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 1)) return cli_end(&cli, 1);
    if (cli.argc == 0) {
        fputs("Error! Missing DATA argument\n", stderr);
        return cli_end(&cli, 1);
    }
    struct co_bytes text;
    struct co_error error;
    struct co_node *list;
    if (!cli_value(&cli, cli.argv[0], &text)) return cli_end(&cli, 1);
    if (co_tree_parse_body(&cli.arena, text, &list, &error) || list->kind != CO_NODE_LIST) {
        fprintf(stderr, "Cannot unmarshal data: %s\n",
                error.status ? error.text : "it is no list; export shows the format");
        return cli_end(&cli, 1);
    }
    for (const struct co_item *item = list->items; item; item = item->next)
        if (!import_one(&cli, item->value)) return cli_end(&cli, 1);
    return cli_end(&cli, 0);
}
