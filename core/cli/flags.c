/* Flags by Go's rules, help pages made from the same tables, and the usage of command groups. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FLAGS_MAX = 32, HELP_WIDTH = 74 };

static const char *env(const char *name, const char *fallback) {
    const char *value = getenv(name);
    return value && value[0] ? value : fallback;
}

static size_t common_flags(struct cli *cli, struct cli_flag *out) {
    const struct cli_flag flags[] = {
        {"ca-file", CLI_TEXT, &cli->ca_file, "value", "File of CA certificates for HTTPS (CONSUL_CACERT)."},
        {"ca-path", CLI_TEXT, &cli->ca_path, "value", "Directory of CA certificates for HTTPS (CONSUL_CAPATH)."},
        {"client-cert", CLI_TEXT, &cli->client_cert, "value", "Client certificate for HTTPS (CONSUL_CLIENT_CERT)."},
        {"client-key", CLI_TEXT, &cli->client_key, "value", "Key of the client certificate (CONSUL_CLIENT_KEY)."},
        {"datacenter", CLI_TEXT, &cli->datacenter, "value", "Datacenter to ask; that of the agent when left out."},
        {"format", CLI_TEXT, &cli->format, "text|json",
         "Output for people (text, the default) or for programs (json)."},
        {"http-addr", CLI_TEXT, &cli->http_addr, "address",
         "Address and port of the agent's HTTP API, or unix:///path (CONSUL_HTTP_ADDR). The default is "
         "http://127.0.0.1:8500."},
        {"stale", CLI_BOOL, &cli->stale, NULL, "Let any server answer, even when its data may be old."},
        {"tls-server-name", CLI_TEXT, &cli->tls_server_name, "value",
         "Name to expect in the agent's certificate (CONSUL_TLS_SERVER_NAME)."},
        {"token", CLI_TEXT, &cli->token, "value", "ACL token (CONSUL_HTTP_TOKEN)."},
        {"token-file", CLI_TEXT, &cli->token_file, "value", "File that holds the ACL token (CONSUL_HTTP_TOKEN_FILE)."},
    };
    memcpy(out, flags, sizeof flags);
    return CO_COUNT(flags);
}

static void print_flags(FILE *to, const char *title, const struct cli_flag *flags, size_t count) {
    if (count) fprintf(to, "\n%s\n", title);
    for (size_t i = 0; i < count; i++) {
        const char *argument = flags[i].argument;
        fprintf(to, argument ? "\n  -%s=<%s>\n    " : "\n  -%s\n    ", flags[i].name, argument);
        size_t column = 4;
        for (const char *word = flags[i].help; *word;) {
            size_t size = strcspn(word, " ");
            if (column + size >= HELP_WIDTH) {
                fputs("\n    ", to);
                column = 4;
            }
            column += (size_t)fprintf(to, " %.*s", (int)size, word);
            word += size + (word[size] == ' ');
        }
        fputc('\n', to);
    }
}

static void print_help(FILE *to, const struct co_command *command, const struct cli_flag *flags, size_t own,
                       size_t all) {
    fprintf(to, "%s\n\n  %s.\n", command->help, command->summary);
    print_flags(to, "Command Options", flags, own);
    print_flags(to, "HTTP API Options", flags + own, all - own);
}

/* Sets the flag; false when the text does not fit its kind. */
static bool set(struct cli *cli, const struct cli_flag *flag, const char *value) {
    struct co_strings *list = flag->out;
    char *end;
    switch (flag->kind) {
    case CLI_BOOL:
        *(bool *)flag->out = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        return !value || *(bool *)flag->out || strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
    case CLI_TEXT:
        *(const char **)flag->out = value;
        return true;
    case CLI_LIST: {
        const char **items = co_arena_array(&cli->arena, const char *, list->count + 1);
        if (list->count) memcpy(items, list->items, list->count * sizeof *items);
        items[list->count++] = value;
        list->items = items;
        return true;
    }
    case CLI_NUMBER:
        errno = 0;
        *(uint64_t *)flag->out = strtoull(value, &end, 0);
        return errno == 0 && *value && !*end && *value != '-';
    }
    return false;
}

static int parse(struct cli *cli, int argc, char **argv, const struct cli_flag *flags, size_t count, bool *wants_help) {
    int at = 1;
    for (; at < argc; at++) {
        const char *word = argv[at];
        if (word[0] != '-' || !word[1]) break;
        if (strcmp(word, "--") == 0) return at + 1;
        word += word[1] == '-' ? 2 : 1;
        size_t size = strcspn(word, "=");
        const char *value = word[size] ? word + size + 1 : NULL;
        if ((size == 1 && *word == 'h') || (size == 4 && strncmp(word, "help", 4) == 0)) {
            *wants_help = true;
            return at;
        }
        const struct cli_flag *flag = NULL, *near = NULL;
        unsigned nearest = 3;
        for (size_t i = 0; i < count && !flag; i++) {
            if (strlen(flags[i].name) == size && strncmp(flags[i].name, word, size) == 0) flag = &flags[i];
            unsigned distance = co_key_distance(flags[i].name, word);
            if (distance < nearest) nearest = distance, near = &flags[i];
        }
        if (!flag) {
            fprintf(stderr, "flag provided but not defined: -%.*s", (int)size, word);
            if (near) fprintf(stderr, "; did you mean -%s?", near->name);
            fputc('\n', stderr);
            return -1;
        }
        if (!value && flag->kind != CLI_BOOL) {
            if (++at == argc) {
                fprintf(stderr, "flag needs an argument: -%s\n", flag->name);
                return -1;
            }
            value = argv[at];
        }
        if (!set(cli, flag, value)) {
            fprintf(stderr, "invalid value \"%s\" for flag -%s: parse error\n", value ? value : "", flag->name);
            return -1;
        }
    }
    return at;
}

static bool load_token(struct cli *cli) {
    if (cli->token || !cli->token_file) return true;
    struct co_error error;
    struct co_bytes text;
    if (!cli_read_file(cli, cli->token_file, &text, &error)) {
        fprintf(stderr, "Error connecting to the agent: Error loading token file: %s\n", error.text);
        return false;
    }
    char *token = co_arena_text(&cli->arena, text.data, text.size);
    token[strcspn(token, " \r\n")] = '\0';
    cli->token = token;
    return true;
}

bool cli_begin(struct cli *cli, const struct co_command *command, int argc, char **argv, const struct cli_flag *own,
               size_t own_count, int *code) {
    *cli = (struct cli){.command = command};
    cli->http_addr = env("CONSUL_HTTP_ADDR", "127.0.0.1:8500");
    cli->token_file = env("CONSUL_HTTP_TOKEN_FILE", NULL);
    cli->token = env("CONSUL_HTTP_TOKEN", NULL);
    cli->ca_file = env("CONSUL_CACERT", NULL);
    cli->ca_path = env("CONSUL_CAPATH", NULL);
    cli->client_cert = env("CONSUL_CLIENT_CERT", NULL);
    cli->client_key = env("CONSUL_CLIENT_KEY", NULL);
    cli->tls_server_name = env("CONSUL_TLS_SERVER_NAME", NULL);
    cli->format = "text";

    struct cli_flag flags[FLAGS_MAX];
    if (own_count) memcpy(flags, own, own_count * sizeof *flags);
    size_t count = own_count + common_flags(cli, flags + own_count);
    bool wants_help = false;
    int rest = parse(cli, argc, argv, flags, count, &wants_help);
    *code = 1;
    if (rest < 0 || wants_help) {
        print_help(wants_help ? stdout : stderr, command, flags, own_count, count);
        *code = wants_help ? 0 : 1;
        return false;
    }
    cli->argc = argc - rest;
    cli->argv = argv + rest;
    cli->is_json = strcmp(cli->format, "json") == 0;
    if (!cli->is_json && strcmp(cli->format, "text") != 0 && strcmp(cli->format, "pretty") != 0) {
        fprintf(stderr, "-format=%s is not known; use text or json\n", cli->format);
        return false;
    }
    return load_token(cli);
}

int cli_end(struct cli *cli, int code) {
    co_arena_fini(&cli->arena);
    return code;
}

bool cli_arguments_at_most(struct cli *cli, int count) {
    if (cli->argc <= count) return true;
    fprintf(stderr, "Too many arguments (expected %d, got %d)\n", count, cli->argc);
    return false;
}

/* `cohort kv` alone, or with a word that is none of its sub-commands. */
int cli_group(const struct co_command *command, int argc, char **argv) {
    bool wants_help =
        argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "-help") == 0 || strcmp(argv[1], "--help") == 0);
    FILE *to = wants_help ? stdout : stderr;
    if (argc > 1 && !wants_help) fprintf(to, "There is no command \"%s %s\".\n\n", command->name, argv[1]);
    fprintf(to, "Usage: cohort %s <subcommand> [options] [args]\n\n  %s\n\nSubcommands:\n", command->name,
            command->help);
    size_t size = strlen(command->name);
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        if (strncmp(name, command->name, size) == 0 && name[size] == ' ')
            fprintf(to, "    %-14s %s\n", name + size + 1, cli_commands[i].summary);
    }
    return wants_help ? 0 : 1;
}
