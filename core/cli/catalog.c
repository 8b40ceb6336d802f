/* cohort catalog ...: lists of what the catalog knows. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>

int cli_catalog_datacenters(const struct co_command *command, int argc, char **argv) {
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, NULL, 0, &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 0)) return cli_end(&cli, 1);
    struct co_node *list = cli_call_json(&cli, "/v1/catalog/datacenters", "Error listing datacenters");
    if (!list) return cli_end(&cli, 1);
    if (cli.is_json) {
        cli_print_json(&cli, list);
        return cli_end(&cli, 0);
    }
    for (const struct co_item *item = list->items; item; item = item->next) puts(item->value->text.data);
    return cli_end(&cli, 0);
}

static const char *with_meta(struct cli *cli, const char *path, struct co_strings meta) {
    for (size_t i = 0; i < meta.count; i++) {
        char *pair = co_arena_strdup(&cli->arena, meta.items[i]), *equals = strchr(pair, '=');
        if (equals) *equals = ':';
        path = cli_query(cli, path, "node-meta", pair);
    }
    return path;
}

int cli_catalog_nodes(const struct co_command *command, int argc, char **argv) {
    bool detailed = false;
    const char *filter = "", *near = "", *service = "";
    struct co_strings meta = {0};
    const struct cli_flag flags[] = {
        {"detailed", CLI_BOOL, &detailed, NULL, "Print whole IDs, tagged addresses and metadata as well."},
        {"filter", CLI_TEXT, &filter, "string", "Filter expression."},
        {"near", CLI_TEXT, &near, "string", "Sort by the distance from this node; _agent is the asked agent's."},
        {"node-meta", CLI_LIST, &meta, "key=value", "Only nodes with this metadata; may be repeated."},
        {"service", CLI_TEXT, &service, "string", "Only nodes with an instance of this service."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 0)) return cli_end(&cli, 1);
    const char *path = "/v1/catalog/nodes";
    if (service[0]) path = co_arena_printf(&cli.arena, "/v1/catalog/service/%s", cli_escape(&cli, service, false));
    path = with_meta(&cli, path, meta);
    if (filter[0]) path = cli_query(&cli, path, "filter", filter);
    if (near[0]) path = cli_query(&cli, path, "near", near);
    struct co_node *list = cli_call_json(&cli, path, "Error listing nodes");
    if (!list) return cli_end(&cli, 1);
    if (cli.is_json) {
        cli_print_json(&cli, list);
        return cli_end(&cli, 0);
    }
    if (!list->items) {
        fputs("No nodes match the given query - try expanding your search.\n", stderr);
        return cli_end(&cli, 0);
    }
    struct cli_table table = {0};
    size_t columns = detailed ? 6 : 4;
    cli_table_row(&cli, &table, (const char *const[]){"Node", "ID", "Address", "DC", "TaggedAddresses", "Meta"},
                  columns);
    const char *last = NULL;
    for (const struct co_item *item = list->items; item; item = item->next) {
        const struct co_node *node = item->value;
        const char *name = co_tree_text(node, "Node", ""), *id = co_tree_text(node, "ID", "");
        if (last && strcmp(last, name) == 0) continue; /* several instances on one node */
        last = name;
        const char *cells[] = {name,
                               detailed ? id : co_arena_printf(&cli.arena, "%.8s", id),
                               co_tree_text(node, "Address", ""),
                               co_tree_text(node, "Datacenter", ""),
                               cli_pairs(&cli, co_tree_get(node, "TaggedAddresses"), ", "),
                               cli_pairs(&cli, co_tree_get(node, service[0] ? "NodeMeta" : "Meta"), ", ")};
        cli_table_row(&cli, &table, cells, columns);
    }
    cli_table_print(&table, 2, false);
    return cli_end(&cli, 0);
}

static int compare_entries(const void *a, const void *b) {
    return strcmp((*(const struct co_entry *const *)a)->key, (*(const struct co_entry *const *)b)->key);
}

static const char *tags_of(struct cli *cli, const struct co_node *tags) {
    struct co_buffer out = {0};
    const char **sorted = co_arena_array(&cli->arena, const char *, tags->count + 1);
    size_t count = 0;
    for (const struct co_item *tag = tags->kind == CO_NODE_LIST ? tags->items : NULL; tag; tag = tag->next)
        sorted[count++] = tag->value->text.data;
    qsort(sorted, count, sizeof *sorted, cli_compare_text);
    for (size_t i = 0; i < count; i++) co_buffer_printf(&out, "%s%s", i ? "," : "", sorted[i]);
    const char *text = co_arena_strdup(&cli->arena, co_buffer_text(&out));
    co_buffer_fini(&out);
    return text;
}

/* The services of one node, in the shape of /v1/catalog/services: name -> tags of all its instances. */
static struct co_node *services_of_node(struct cli *cli, const char *node) {
    struct co_node *answer =
        cli_call_json(cli, co_arena_printf(&cli->arena, "/v1/catalog/node/%s", cli_escape(cli, node, false)),
                      "Error listing services");
    struct co_node *services = answer && answer->kind == CO_NODE_OBJECT ? co_tree_get(answer, "Services") : NULL;
    if (!answer) return NULL;
    struct co_node *out = co_tree_object(&cli->arena);
    for (const struct co_entry *entry = services && services->kind == CO_NODE_OBJECT ? services->entries : NULL; entry;
         entry = entry->next) {
        const char *name = co_tree_text(entry->value, "Service", "");
        struct co_node *tags = co_tree_get(entry->value, "Tags"), *known = co_tree_get(out, name);
        if (!tags || tags->kind != CO_NODE_LIST) continue;
        if (!known) co_tree_add(&cli->arena, out, name, tags);
    }
    return out;
}

int cli_catalog_services(const struct co_command *command, int argc, char **argv) {
    bool with_tags = false;
    const char *node = "";
    struct co_strings meta = {0};
    const struct cli_flag flags[] = {
        {"node", CLI_TEXT, &node, "string", "Only the services of this node."},
        {"node-meta", CLI_LIST, &meta, "key=value", "Only services on nodes with this metadata; may be repeated."},
        {"tags", CLI_BOOL, &with_tags, NULL, "Print the tags in use as well."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (!cli_arguments_at_most(&cli, 0)) return cli_end(&cli, 1);
    struct co_node *services =
        node[0] ? services_of_node(&cli, node)
                : cli_call_json(&cli, with_meta(&cli, "/v1/catalog/services", meta), "Error listing services");
    if (!services) return cli_end(&cli, 1);
    if (cli.is_json) {
        cli_print_json(&cli, services);
        return cli_end(&cli, 0);
    }
    if (services->kind != CO_NODE_OBJECT || services->count == 0) {
        fputs("No services match the given query - try expanding your search.\n", stderr);
        return cli_end(&cli, 0);
    }
    const struct co_entry **sorted = co_arena_array(&cli.arena, const struct co_entry *, services->count);
    size_t count = 0;
    for (const struct co_entry *entry = services->entries; entry; entry = entry->next) sorted[count++] = entry;
    qsort(sorted, count, sizeof *sorted, compare_entries);
    struct cli_table table = {0};
    for (size_t i = 0; i < count; i++)
        cli_table_row(&cli, &table, (const char *const[]){sorted[i]->key, tags_of(&cli, sorted[i]->value)},
                      with_tags ? 2 : 1);
    cli_table_print(&table, 6, true);
    return cli_end(&cli, 0);
}
