/* A struct that uses every kind, for the tests and fuzz targets of the codecs. */
#ifndef CORE_TESTS_EVERYTHING_H
#define CORE_TESTS_EVERYTHING_H

#include "cohort/schema.h"

struct part {
    const char *name;
    int64_t weight;
    struct co_strings tags;
    const struct part *next; /* the table refers to itself */
};

struct everything {
    bool flag;
    int32_t small;
    int64_t large;
    uint64_t index;
    double ratio;
    const char *text;
    struct co_bytes bytes;
    struct co_duration wait;
    struct co_size size;
    struct co_strings strings;
    struct co_map map;
    const struct co_node *tree;
    struct co_trees trees;
    struct part record;
    struct part *pointer;
    struct co_records records;
    struct co_table_of table;
};

extern const struct co_schema part_schema, everything_schema;

CO_SCHEMA(part_schema, struct part, "Part", CO_FIELD(1, struct part, name, "Name", 0),
          CO_FIELD(2, struct part, weight, "Weight", CO_OMIT_EMPTY),
          CO_FIELD(3, struct part, tags, "Tags", CO_ONE_OR_MANY),
          CO_POINTER(4, struct part, next, "Next", CO_OMIT_EMPTY, &part_schema));

CO_SCHEMA(everything_schema, struct everything, "Everything", CO_FIELD(1, struct everything, flag, "Flag", 0),
          CO_FIELD(2, struct everything, small, "Small", 0), CO_FIELD(3, struct everything, large, "Large", 0),
          CO_FIELD(4, struct everything, index, "Index", 0), CO_FIELD(5, struct everything, ratio, "Ratio", 0),
          CO_FIELD(6, struct everything, text, "Text", 0), CO_FIELD(7, struct everything, bytes, "Bytes", 0),
          CO_FIELD(8, struct everything, wait, "Wait", 0), CO_FIELD(9, struct everything, size, "Size", 0),
          CO_FIELD(10, struct everything, strings, "Strings", 0), CO_FIELD(11, struct everything, map, "Map", 0),
          CO_FIELD(12, struct everything, tree, "Tree", 0), CO_FIELD(13, struct everything, trees, "Trees", 0),
          CO_RECORD(14, struct everything, record, "Record", 0, &part_schema),
          CO_POINTER(15, struct everything, pointer, "Pointer", 0, &part_schema),
          CO_RECORDS(300, struct everything, records, "Records", 0, &part_schema),
          CO_TABLE_OF(301, struct everything, table, "Table", 0, &part_schema));

#endif
