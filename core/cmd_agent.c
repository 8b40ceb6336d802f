/* The commands of the program itself: agent, validate, version; cmd_modules.c has the fourth. Everything else is offered by
 * the loadable module `cli`, so that an agent does not carry the libraries of a client. */
#include "agent_private.h"

#include <stdio.h>

const struct co_command co_commands[] = {
    {"agent", "Runs an agent", NULL, co_cmd_agent},
    {"modules", "Lists and describes the modules", NULL, co_cmd_modules},
    {"validate", "Checks configuration files and directories", NULL, co_cmd_validate},
    {"version", "Prints the version", NULL, co_cmd_version},
};
const size_t co_command_count = CO_COUNT(co_commands);

int co_cmd_agent(const struct co_command *command, int argc, char **argv) {
    (void)command;
    struct co_arena arena = CO_ARENA_INIT;
    struct co_conf_input input;
    struct co_error error = {0};
    co_status status = co_flags_parse(&arena, argc, argv, &input, &error);
    int code = 1;
    if (status == CO_CANCELLED) {
        struct co_buffer text = {0};
        co_flags_help(&text);
        fputs(co_buffer_text(&text), stdout);
        co_buffer_fini(&text);
        code = 0;
    } else if (status) {
        fprintf(stderr, "%s\nRun \"cohort agent -h\" for the list of flags.\n", error.text);
    } else {
        code = co_agent_run(&input);
    }
    co_arena_fini(&arena);
    return code;
}

static const char validate_help[] =
    "Usage: cohort validate [options] FILE_OR_DIRECTORY...\n\n"
    "  Reads the configuration as an agent would, settings of all its modules included, and lists every problem.\n"
    "  Exits with 0 when the configuration is valid, else with 1.\n\n"
    "Options\n\n"
    "  -config-format=<value>\n      Format of all files: hcl or json.\n"
    "  -quiet\n      Do not print that the configuration is valid.\n";

/* "-name" or "--name", with the rest of the word after = in *value. */
static bool is_flag(const char *word, const char *name, const char **value) {
    size_t size = strlen(name);
    if (*word != '-') return false;
    word += word[1] == '-' ? 2 : 1;
    if (strncmp(word, name, size) != 0 || (word[size] && word[size] != '=')) return false;
    *value = word[size] ? word + size + 1 : NULL;
    return true;
}

int co_cmd_validate(const struct co_command *command, int argc, char **argv) {
    (void)command;
    struct co_arena arena = CO_ARENA_INIT;
    struct co_conf_input input = {.is_check = true};
    struct co_conf_source *sources = co_arena_array(&arena, struct co_conf_source, (size_t)argc + 1);
    struct co_conf *conf = NULL;
    bool is_quiet = false;
    int code = 1;
    for (int i = 1; i < argc; i++) {
        const char *value;
        if (is_flag(argv[i], "h", &value) || is_flag(argv[i], "help", &value)) {
            fputs(validate_help, stdout);
            code = 0;
            goto out;
        } else if (is_flag(argv[i], "quiet", &value)) {
            is_quiet = true;
        } else if (is_flag(argv[i], "config-format", &value)) {
            input.format = value ? value : i + 1 < argc ? argv[++i] : "";
            if (strcmp(input.format, "hcl") != 0 && strcmp(input.format, "json") != 0) {
                fputs("-config-format must be either 'hcl' or 'json'\n", stderr);
                goto out;
            }
        } else if (argv[i][0] == '-' && argv[i][1]) {
            fprintf(stderr, "flag provided but not defined: %s\n\n%s", argv[i], validate_help);
            goto out;
        } else {
            sources[input.count++] = (struct co_conf_source){CO_CONF_FILE, argv[i], NULL};
        }
    }
    if (input.count == 0) {
        fputs("Must specify at least one config file or directory\n", stderr);
        goto out;
    }
    input.sources = sources;
    code = co_conf_load(&input, &conf) ? 1 : 0;
    for (size_t i = 0; i < conf->problems.count; i++) {
        const struct co_conf_problem *problem = &conf->problems.items[i];
        struct co_buffer text = {0};
        co_conf_problem_write(problem, &text);
        fprintf(stderr, "%s%s\n", problem->is_warning ? "warning: " : "", co_buffer_text(&text));
        co_buffer_fini(&text);
    }
    if (code)
        fprintf(stderr, "Config validation failed: %zu %s\n", conf->problems.errors,
                conf->problems.errors == 1 ? "error" : "errors");
    else if (!is_quiet)
        puts("Configuration is valid!");
out:
    co_conf_free(conf);
    co_arena_fini(&arena);
    return code;
}

int co_cmd_version(const struct co_command *command, int argc, char **argv) {
    (void)command;
    bool is_json = false;
    for (int i = 1; i < argc; i++) {
        const char *value;
        if (is_flag(argv[i], "h", &value) || is_flag(argv[i], "help", &value)) {
            fputs("Usage: cohort version [-format=pretty|json]\n\n  Prints the version of this program.\n", stdout);
            return 0;
        }
        if (!is_flag(argv[i], "format", &value)) continue;
        if (!value && i + 1 < argc) value = argv[++i];
        if (!value || (strcmp(value, "json") != 0 && strcmp(value, "pretty") != 0)) {
            fputs("-format must be pretty or json\n", stderr);
            return 1;
        }
        is_json = strcmp(value, "json") == 0;
    }
    if (is_json)
        printf("{\n    \"Version\": \"%s\",\n    \"Revision\": \"%s\",\n    \"ModuleABI\": %d\n}\n", CO_VERSION,
               co_build_revision(), CO_MODULE_ABI);
    else
        printf("Cohort v%s\nRevision %s\n", CO_VERSION, co_build_revision());
    return 0;
}
