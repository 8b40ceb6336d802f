/* cohort members, info, reload, leave, maint: the agent itself. */
#include "cli.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const member_states[] = {"none", "alive", "leaving", "left", "failed"};

static const char *state_of(const struct co_node *member) {
    const struct co_node *state = co_tree_get(member, "Status");
    return state && state->integer >= 0 && state->integer < (int64_t)CO_COUNT(member_states)
               ? member_states[state->integer]
               : "unknown";
}

static long long port_of(const struct co_node *member) {
    const struct co_node *port = co_tree_get(member, "Port");
    return port ? (long long)port->integer : 0;
}

static const char *tag(const struct co_node *member, const char *name) {
    const struct co_node *tags = co_tree_get(member, "Tags");
    return tags && tags->kind == CO_NODE_OBJECT ? co_tree_text(tags, name, "") : "";
}

static void member_row(struct cli *cli, struct cli_table *table, const struct co_node *member, bool detailed) {
    const char *address = co_tree_text(member, "Addr", ""), *role = tag(member, "role"), *build = tag(member, "build");
    const char *place =
        co_arena_printf(&cli->arena, strchr(address, ':') ? "[%s]:%lld" : "%s:%lld", address, port_of(member));
    if (detailed) {
        const char *cells[] = {co_tree_text(member, "Name", ""), place, state_of(member),
                               cli_pairs(cli, co_tree_get(member, "Tags"), ",")};
        cli_table_row(cli, table, cells, 4);
        return;
    }
    const char *type = strcmp(role, "consul") == 0 ? "server" : strcmp(role, "node") == 0 ? "client" : "unknown";
    const char *segment = tag(member, "segment"), *protocol = tag(member, "vsn");
    if (!segment[0]) segment = strcmp(type, "server") == 0 ? "<all>" : "<default>";
    const char *cells[] = {co_tree_text(member, "Name", ""),
                           place,
                           state_of(member),
                           type,
                           co_arena_printf(&cli->arena, "%.*s", (int)strcspn(build, ":"), build),
                           protocol,
                           tag(member, "dc"),
                           segment};
    cli_table_row(cli, table, cells, 8);
}

static int compare_members(const void *a, const void *b) {
    return strcmp(co_tree_text(*(const struct co_node *const *)a, "Name", ""),
                  co_tree_text(*(const struct co_node *const *)b, "Name", ""));
}

int cli_members(const struct co_command *command, int argc, char **argv) {
    bool detailed = false, wan = false;
    const char *status = ".*", *segment = "";
    const struct cli_flag flags[] = {
        {"detailed", CLI_BOOL, &detailed, NULL, "Print all tags of each member."},
        {"segment", CLI_TEXT, &segment, "string", "Only members of this segment."},
        {"status", CLI_TEXT, &status, "regexp", "Only members in a state that matches: alive, leaving, left, failed."},
        {"wan", CLI_BOOL, &wan, NULL, "The members of the WAN pool."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    regex_t pattern;
    int wrong = regcomp(&pattern, status, REG_EXTENDED | REG_NOSUB);
    if (wrong) {
        char reason[128];
        regerror(wrong, &pattern, reason, sizeof reason);
        fprintf(stderr, "Failed to compile status regexp: %s: `%s`\n", reason, status);
        return cli_end(&cli, 1);
    }
    const char *path = cli_query(&cli, wan ? "/v1/agent/members?wan=1" : "/v1/agent/members", "segment",
                                 segment[0] ? segment : "_all");
    struct co_node *list = cli_call_json(&cli, path, "Error retrieving members");
    if (!list) {
        regfree(&pattern);
        return cli_end(&cli, 1);
    }
    const struct co_node **members = co_arena_array(&cli.arena, const struct co_node *, list->count + 1);
    size_t count = 0;
    for (const struct co_item *item = list->items; item; item = item->next)
        if (regexec(&pattern, state_of(item->value), 0, NULL, 0) == 0) members[count++] = item->value;
    regfree(&pattern);
    if (count == 0) return cli_end(&cli, 2);
    qsort(members, count, sizeof *members, compare_members);
    if (cli.is_json) {
        struct co_node *shown = co_arena_new(&cli.arena, struct co_node);
        shown->kind = CO_NODE_LIST;
        for (size_t i = 0; i < count; i++) co_tree_append(&cli.arena, shown, (struct co_node *)members[i]);
        cli_print_json(&cli, shown);
        return cli_end(&cli, 0);
    }
    struct cli_table table = {0};
    if (detailed)
        cli_table_row(&cli, &table, (const char *const[]){"Node", "Address", "Status", "Tags"}, 4);
    else
        cli_table_row(&cli, &table,
                      (const char *const[]){"Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Segment"},
                      8);
    for (size_t i = 0; i < count; i++) member_row(&cli, &table, members[i], detailed);
    cli_table_print(&table, 2, false);
    return cli_end(&cli, 0);
}

static int compare_entries(const void *a, const void *b) {
    return strcmp((*(const struct co_entry *const *)a)->key, (*(const struct co_entry *const *)b)->key);
}

static const struct co_entry **sorted_entries(struct cli *cli, const struct co_node *object) {
    const struct co_entry **entries = co_arena_array(&cli->arena, const struct co_entry *, object->count + 1);
    size_t count = 0;
    for (const struct co_entry *entry = object->entries; entry; entry = entry->next) entries[count++] = entry;
    qsort(entries, count, sizeof *entries, compare_entries);
    return entries;
}

int cli_info(const struct co_command *command, int argc, char **argv) {
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, NULL, 0, &code)) return cli_end(&cli, code);
    struct co_node *self = cli_call_json(&cli, "/v1/agent/self", "Error querying agent");
    struct co_node *stats = self && self->kind == CO_NODE_OBJECT ? co_tree_get(self, "Stats") : NULL;
    if (!self) return cli_end(&cli, 1);
    if (!stats || stats->kind != CO_NODE_OBJECT) {
        fputs("Agent response did not contain 'Stats' key\n", stderr);
        return cli_end(&cli, 1);
    }
    if (cli.is_json) {
        cli_print_json(&cli, stats);
        return cli_end(&cli, 0);
    }
    const struct co_entry **groups = sorted_entries(&cli, stats);
    for (size_t i = 0; groups[i]; i++) {
        printf("%s:\n", groups[i]->key);
        if (groups[i]->value->kind != CO_NODE_OBJECT) continue;
        const struct co_entry **pairs = sorted_entries(&cli, groups[i]->value);
        for (size_t j = 0; pairs[j]; j++)
            printf("\t%s = %s\n", pairs[j]->key,
                   pairs[j]->value->kind == CO_NODE_STRING ? (const char *)pairs[j]->value->text.data : "");
    }
    return cli_end(&cli, 0);
}

int cli_reload(const struct co_command *command, int argc, char **argv) {
    struct cli cli;
    struct cli_answer answer;
    int code;
    if (!cli_begin(&cli, command, argc, argv, NULL, 0, &code)) return cli_end(&cli, code);
    if (!cli_call(&cli, "PUT", "/v1/agent/reload", co_bytes(NULL, 0), 0, "Error reloading", &answer))
        return cli_end(&cli, 1);
    puts("Configuration reload triggered");
    return cli_end(&cli, 0);
}

int cli_leave(const struct co_command *command, int argc, char **argv) {
    struct cli cli;
    struct cli_answer answer;
    int code;
    if (!cli_begin(&cli, command, argc, argv, NULL, 0, &code)) return cli_end(&cli, code);
    if (cli.argc > 0) {
        fprintf(stderr, "Error found unexpected args: [%s]\n", cli.argv[0]);
        return cli_end(&cli, 1);
    }
    if (!cli_call(&cli, "PUT", "/v1/agent/leave", co_bytes(NULL, 0), 0, "Error leaving", &answer))
        return cli_end(&cli, 1);
    puts("Graceful leave complete");
    return cli_end(&cli, 0);
}

static int maint_show(struct cli *cli) {
    static const char node_check[] = "_node_maintenance", service_check[] = "_service_maintenance:";
    struct co_node *self = cli_call_json(cli, "/v1/agent/self", "Error querying the agent");
    struct co_node *checks = self ? cli_call_json(cli, "/v1/agent/checks", "Error querying the agent") : NULL;
    if (!checks) return 1;
    const struct co_node *config = co_tree_get(self, "Config");
    for (const struct co_entry *entry = checks->entries; entry; entry = entry->next) {
        const char *reason = co_tree_text(entry->value, "Notes", "");
        if (strcmp(entry->key, node_check) == 0)
            printf("Node:\n  Name:   %s\n  Reason: %s\n\n", config ? co_tree_text(config, "NodeName", "") : "", reason);
        else if (strncmp(entry->key, service_check, sizeof service_check - 1) == 0)
            printf("Service:\n  ID:     %s\n  Reason: %s\n\n", entry->key + sizeof service_check - 1, reason);
    }
    return 0;
}

int cli_maint(const struct co_command *command, int argc, char **argv) {
    bool enable = false, disable = false;
    const char *reason = "", *service = "", *wrong = NULL;
    const struct cli_flag flags[] = {
        {"disable", CLI_BOOL, &disable, NULL, "End the maintenance."},
        {"enable", CLI_BOOL, &enable, NULL, "Begin the maintenance: a critical check keeps others away."},
        {"reason", CLI_TEXT, &reason, "string", "Why, for people; with -enable."},
        {"service", CLI_TEXT, &service, "string", "The ID of a service; the whole node when left out."},
    };
    struct cli cli;
    int code;
    if (!cli_begin(&cli, command, argc, argv, flags, CO_COUNT(flags), &code)) return cli_end(&cli, code);
    if (enable && disable)
        wrong = "Only one of -enable or -disable may be provided";
    else if (!enable && reason[0])
        wrong = "Reason may only be provided with -enable";
    else if (!enable && !disable && service[0])
        wrong = "Service requires either -enable or -disable";
    if (wrong) {
        fprintf(stderr, "%s\n", wrong);
        return cli_end(&cli, 1);
    }
    if (!enable && !disable) return cli_end(&cli, maint_show(&cli));
    const char *what = enable ? "enabl" : "disabl", *path = "/v1/agent/maintenance";
    if (service[0])
        path = co_arena_printf(&cli.arena, "/v1/agent/service/maintenance/%s", cli_escape(&cli, service, false));
    path = cli_query(&cli, path, "enable", enable ? "true" : "false");
    if (reason[0]) path = cli_query(&cli, path, "reason", reason);
    struct cli_answer answer;
    const char *prefix =
        co_arena_printf(&cli.arena, "Error %sing %s maintenance", what, service[0] ? "service" : "node");
    if (!cli_call(&cli, "PUT", path, co_bytes(NULL, 0), 0, prefix, &answer)) return cli_end(&cli, 1);
    if (service[0])
        printf("Service maintenance is now %sed for \"%s\"\n", what, service);
    else
        printf("Node maintenance is now %sed\n", what);
    return cli_end(&cli, 0);
}
