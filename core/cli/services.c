/* cohort services ...: registering from flags or from files in Consul's format. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

/* Calls visit with each service definition of the file. False after an error was printed. */
static bool each_service(struct cli *cli, const char *path, bool (*visit)(struct cli *, const struct co_node *)) {
    struct co_bytes text;
    struct co_error error;
    struct co_node *root;
    if (!cli_read_file(cli, path, &text, &error) || co_tree_parse_hcl(&cli->arena, path, text, &root, &error)) {
        fprintf(stderr, "Error: %s\n", error.text);
        return false;
    }
    size_t found = 0;
    for (const struct co_entry *entry = root->kind == CO_NODE_OBJECT ? root->entries : NULL; entry;
         entry = entry->next) {
        if (!co_key_equal(entry->key, "service") && !co_key_equal(entry->key, "services")) continue;
        const struct co_node *value = entry->value;
        if (value->kind == CO_NODE_OBJECT) {
            found++;
            if (!visit(cli, value)) return false;
        }
        for (const struct co_item *item = value->kind == CO_NODE_LIST ? value->items : NULL; item; item = item->next) {
            found++;
            if (!visit(cli, item->value)) return false;
        }
    }
    if (found) return true;
    fprintf(stderr, "Error: %s holds no service; write  service { name = \"web\" port = 80 }\n", path);
    return false;
}

static bool register_one(struct cli *cli, const struct co_node *service) {
    const char *name = co_tree_text(service, "name", "");
    struct co_buffer body = {0};
    struct cli_answer answer;
    co_tree_write_json(&body, service);
    const char *prefix = co_arena_printf(&cli->arena, "Error registering service \"%s\"", name);
    bool is_done =
        cli_call(cli, "PUT", "/v1/agent/service/register", co_bytes(body.data, body.size), 0, prefix, &answer);
    co_buffer_fini(&body);
    if (is_done) printf("Registered service: %s\n", name);
    return is_done;
}

static bool deregister_id(struct cli *cli, const char *id) {
    struct cli_answer answer;
    const char *prefix = co_arena_printf(&cli->arena, "Error deregistering service \"%s\"", id);
    const char *path = co_arena_printf(&cli->arena, "/v1/agent/service/deregister/%s", cli_escape(cli, id, false));
    if (!cli_call(cli, "PUT", path, co_bytes(NULL, 0), 0, prefix, &answer)) return false;
    printf("Deregistered service: %s\n", id);
    return true;
}

static bool deregister_one(struct cli *cli, const struct co_node *service) {
    return deregister_id(cli, co_tree_text(service, "id", co_tree_text(service, "name", "")));
}

static struct co_node *number_node(struct cli *cli, uint64_t value) {
    struct co_node *node = co_arena_new(&cli->arena, struct co_node);
    *node = (struct co_node){
        .kind = CO_NODE_NUMBER, .is_integer = true, .integer = (int64_t)value, .number = (double)value};
    return node;
}

int cli_services_register(const struct co_command *command, int argc, char **argv) {
    const char *id = "", *name = "", *address = "", *kind = "";
    uint64_t port = 0;
    struct co_strings tags = {0}, meta = {0};
    const struct cli_flag flags[] = {
        {"address", CLI_TEXT, &address, "string", "Address of the service; that of the node when left out."},
        {"id", CLI_TEXT, &id, "string", "ID of the instance; the name when left out."},
        {"kind", CLI_TEXT, &kind, "string", "Kind of the service; empty for a typical one."},
        {"meta", CLI_LIST, &meta, "key=value", "Metadata; may be repeated."},
        {"name", CLI_TEXT, &name, "string", "Name of the service."},
        {"port", CLI_NUMBER, &port, "int", "Port of the service."},
        {"tag", CLI_LIST, &tags, "value", "Tag; may be repeated."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (cli.argc == 0 && !name[0]) {
        fputs("Service registration requires at least one argument or flags.\n", stderr);
        return cli_end(&cli, 1);
    }
    if (cli.argc > 0 && name[0]) {
        fputs("Service registration requires arguments or flags, not both.\n", stderr);
        return cli_end(&cli, 1);
    }
    for (int i = 0; i < cli.argc; i++)
        if (!each_service(&cli, cli.argv[i], register_one)) return cli_end(&cli, 1);
    if (cli.argc > 0) return cli_end(&cli, 0);

    struct co_arena *arena = &cli.arena;
    struct co_node *service = co_tree_object(arena);
    co_tree_add(arena, service, "Name", co_tree_string(arena, name));
    if (id[0]) co_tree_add(arena, service, "ID", co_tree_string(arena, id));
    if (kind[0]) co_tree_add(arena, service, "Kind", co_tree_string(arena, kind));
    if (address[0]) co_tree_add(arena, service, "Address", co_tree_string(arena, address));
    if (port) co_tree_add(arena, service, "Port", number_node(&cli, port));
    if (tags.count) {
        struct co_node *list = co_arena_new(arena, struct co_node);
        list->kind = CO_NODE_LIST;
        for (size_t i = 0; i < tags.count; i++) co_tree_append(arena, list, co_tree_string(arena, tags.items[i]));
        co_tree_add(arena, service, "Tags", list);
    }
    struct co_node *pairs = co_tree_object(arena);
    for (size_t i = 0; i < meta.count; i++) {
        char *pair = co_arena_strdup(arena, meta.items[i]), *equals = strchr(pair, '=');
        if (!equals) {
            fprintf(stderr, "-meta %s is no key=value\n", pair);
            return cli_end(&cli, 1);
        }
        *equals = '\0';
        co_tree_add(arena, pairs, pair, co_tree_string(arena, equals + 1));
    }
    if (meta.count) co_tree_add(arena, service, "Meta", pairs);
    return cli_end(&cli, register_one(&cli, service) ? 0 : 1);
}

int cli_services_deregister(const struct co_command *command, int argc, char **argv) {
    const char *id = "";
    const struct cli_flag flags[] = {{"id", CLI_TEXT, &id, "string", "ID of the service to deregister."}};
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (cli.argc == 0 && !id[0]) {
        fputs("Service deregistration requires at least one argument or -id.\n", stderr);
        return cli_end(&cli, 1);
    }
    if (cli.argc > 0 && id[0]) {
        fputs("Service deregistration requires arguments or -id, not both.\n", stderr);
        return cli_end(&cli, 1);
    }
    if (id[0]) return cli_end(&cli, deregister_id(&cli, id) ? 0 : 1);
    for (int i = 0; i < cli.argc; i++)
        if (!each_service(&cli, cli.argv[i], deregister_one)) return cli_end(&cli, 1);
    return cli_end(&cli, 0);
}
