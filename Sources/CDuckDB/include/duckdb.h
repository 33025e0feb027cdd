// The part of DuckDB 1.5's C API that Sluice uses, declared from its public documentation. The shared library that
// `scripts/get-duckdb` lays out exports all of it; add a declaration here when a new function is needed.
#ifndef SLUICE_DUCKDB_H
#define SLUICE_DUCKDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t idx_t;

typedef enum { DuckDBSuccess = 0, DuckDBError = 1 } duckdb_state;

// The types that a column or a value can have; numbers are the library's.
typedef enum {
  DUCKDB_TYPE_INVALID = 0, DUCKDB_TYPE_BOOLEAN = 1, DUCKDB_TYPE_TINYINT = 2, DUCKDB_TYPE_SMALLINT = 3,
  DUCKDB_TYPE_INTEGER = 4, DUCKDB_TYPE_BIGINT = 5, DUCKDB_TYPE_UTINYINT = 6, DUCKDB_TYPE_USMALLINT = 7,
  DUCKDB_TYPE_UINTEGER = 8, DUCKDB_TYPE_UBIGINT = 9, DUCKDB_TYPE_FLOAT = 10, DUCKDB_TYPE_DOUBLE = 11,
  DUCKDB_TYPE_TIMESTAMP = 12, DUCKDB_TYPE_DATE = 13, DUCKDB_TYPE_TIME = 14, DUCKDB_TYPE_INTERVAL = 15,
  DUCKDB_TYPE_HUGEINT = 16, DUCKDB_TYPE_VARCHAR = 17, DUCKDB_TYPE_BLOB = 18, DUCKDB_TYPE_DECIMAL = 19,
  DUCKDB_TYPE_LIST = 24, DUCKDB_TYPE_STRUCT = 25, DUCKDB_TYPE_MAP = 26, DUCKDB_TYPE_UUID = 27,
  DUCKDB_TYPE_TIMESTAMP_TZ = 31, DUCKDB_TYPE_UHUGEINT = 32
} duckdb_type;

typedef enum {
  DUCKDB_PENDING_RESULT_READY = 0, DUCKDB_PENDING_RESULT_NOT_READY = 1, DUCKDB_PENDING_ERROR = 2,
  DUCKDB_PENDING_NO_TASKS_AVAILABLE = 3
} duckdb_pending_state;

// Only the kinds that callers tell apart; the field holds any of the library's numbers.
typedef enum {
  DUCKDB_ERROR_INVALID = 0, DUCKDB_ERROR_CONVERSION = 2, DUCKDB_ERROR_TRANSACTION = 10, DUCKDB_ERROR_CATALOG = 13,
  DUCKDB_ERROR_PARSER = 14, DUCKDB_ERROR_CONSTRAINT = 18,
  DUCKDB_ERROR_BINDER = 24, DUCKDB_ERROR_IO = 28, DUCKDB_ERROR_INTERRUPT = 29, DUCKDB_ERROR_FATAL = 30,
  DUCKDB_ERROR_INTERNAL = 31, DUCKDB_ERROR_INVALID_INPUT = 32, DUCKDB_ERROR_OUT_OF_MEMORY = 33
} duckdb_error_type;

typedef struct { uint64_t lower; int64_t upper; } duckdb_hugeint;
typedef struct { int64_t micros; } duckdb_timestamp;
typedef struct { double percentage; uint64_t rows_processed; uint64_t total_rows_to_process; } duckdb_query_progress_type;
typedef struct { uint64_t offset; uint64_t length; } duckdb_list_entry;

// A VARCHAR: up to 12 bytes lie inside, longer ones behind the pointer.
typedef struct {
  union {
    struct { uint32_t length; char prefix[4]; char *ptr; } pointer;
    struct { uint32_t length; char inlined[12]; } inlined;
  } value;
} duckdb_string_t;

// Filled and freed by the library; the fields before the last are obsolete.
typedef struct {
  idx_t deprecated_column_count; idx_t deprecated_row_count; idx_t deprecated_rows_changed; void *deprecated_columns;
  char *deprecated_error_message; void *internal_data;
} duckdb_result;

typedef struct _duckdb_database *duckdb_database;
typedef struct _duckdb_connection *duckdb_connection;
typedef struct _duckdb_prepared_statement *duckdb_prepared_statement;
typedef struct _duckdb_pending_result *duckdb_pending_result;
typedef struct _duckdb_appender *duckdb_appender;
typedef struct _duckdb_config *duckdb_config;
typedef struct _duckdb_logical_type *duckdb_logical_type;
typedef struct _duckdb_data_chunk *duckdb_data_chunk;
typedef struct _duckdb_vector *duckdb_vector;
typedef struct _duckdb_error_data *duckdb_error_data;
typedef struct _duckdb_scalar_function *duckdb_scalar_function;
typedef struct _duckdb_aggregate_function *duckdb_aggregate_function;
typedef struct _duckdb_function_info *duckdb_function_info;
typedef struct _duckdb_extracted_statements *duckdb_extracted_statements;
typedef struct _duckdb_value *duckdb_value;

typedef void (*duckdb_scalar_function_t)(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
// A state is memory of the engine's, of the size that the function named; ours holds one pointer.
typedef void **duckdb_aggregate_state;
typedef idx_t (*duckdb_aggregate_state_size)(duckdb_function_info info);
typedef void (*duckdb_aggregate_init_t)(duckdb_function_info info, duckdb_aggregate_state state);
typedef void (*duckdb_aggregate_destroy_t)(duckdb_aggregate_state *states, idx_t count);
typedef void (*duckdb_aggregate_update_t)(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state *states);
typedef void (*duckdb_aggregate_combine_t)(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_aggregate_state *target, idx_t count);
typedef void (*duckdb_aggregate_finalize_t)(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_vector result, idx_t count, idx_t offset);
typedef void (*duckdb_delete_callback_t)(void *data);

// Library, database, connection.
const char *duckdb_library_version(void);
void duckdb_free(void *pointer);
duckdb_state duckdb_create_config(duckdb_config *out);
duckdb_state duckdb_set_config(duckdb_config config, const char *name, const char *option);
void duckdb_destroy_config(duckdb_config *config);
duckdb_state duckdb_open_ext(const char *path, duckdb_database *out, duckdb_config config, char **out_error);
void duckdb_close(duckdb_database *database);
duckdb_state duckdb_connect(duckdb_database database, duckdb_connection *out);
void duckdb_disconnect(duckdb_connection *connection);
void duckdb_interrupt(duckdb_connection connection);
duckdb_query_progress_type duckdb_query_progress(duckdb_connection connection);

// Statements and results.
duckdb_state duckdb_query(duckdb_connection connection, const char *query, duckdb_result *out);
duckdb_state duckdb_prepare(duckdb_connection connection, const char *query, duckdb_prepared_statement *out);
void duckdb_destroy_prepare(duckdb_prepared_statement *statement);
const char *duckdb_prepare_error(duckdb_prepared_statement statement);
idx_t duckdb_nparams(duckdb_prepared_statement statement);
duckdb_state duckdb_bind_boolean(duckdb_prepared_statement statement, idx_t index, bool value);
duckdb_state duckdb_bind_int64(duckdb_prepared_statement statement, idx_t index, int64_t value);
duckdb_state duckdb_bind_hugeint(duckdb_prepared_statement statement, idx_t index, duckdb_hugeint value);
duckdb_state duckdb_bind_double(duckdb_prepared_statement statement, idx_t index, double value);
duckdb_state duckdb_bind_timestamp(duckdb_prepared_statement statement, idx_t index, duckdb_timestamp value);
duckdb_state duckdb_bind_varchar_length(duckdb_prepared_statement statement, idx_t index, const char *value, idx_t length);
duckdb_state duckdb_bind_null(duckdb_prepared_statement statement, idx_t index);
duckdb_state duckdb_bind_value(duckdb_prepared_statement statement, idx_t index, duckdb_value value);
duckdb_value duckdb_create_varchar_length(const char *text, idx_t length);
duckdb_value duckdb_create_bool(bool value);
duckdb_value duckdb_create_int64(int64_t value);
duckdb_value duckdb_create_double(double value);
duckdb_value duckdb_create_timestamp(duckdb_timestamp value);
duckdb_value duckdb_create_null_value(void);
duckdb_value duckdb_create_list_value(duckdb_logical_type type, duckdb_value *values, idx_t count);
void duckdb_destroy_value(duckdb_value *value);
idx_t duckdb_extract_statements(duckdb_connection connection, const char *query, duckdb_extracted_statements *out);
const char *duckdb_extract_statements_error(duckdb_extracted_statements statements);
duckdb_state duckdb_prepare_extracted_statement(
    duckdb_connection connection, duckdb_extracted_statements statements, idx_t index, duckdb_prepared_statement *out);
void duckdb_destroy_extracted(duckdb_extracted_statements *statements);
duckdb_state duckdb_execute_prepared(duckdb_prepared_statement statement, duckdb_result *out);
duckdb_state duckdb_pending_prepared(duckdb_prepared_statement statement, duckdb_pending_result *out);
duckdb_state duckdb_pending_prepared_streaming(duckdb_prepared_statement statement, duckdb_pending_result *out);
void duckdb_destroy_pending(duckdb_pending_result *pending);
const char *duckdb_pending_error(duckdb_pending_result pending);
duckdb_pending_state duckdb_pending_execute_task(duckdb_pending_result pending);
duckdb_state duckdb_execute_pending(duckdb_pending_result pending, duckdb_result *out);
void duckdb_destroy_result(duckdb_result *result);
const char *duckdb_result_error(duckdb_result *result);
duckdb_error_type duckdb_result_error_type(duckdb_result *result);
idx_t duckdb_column_count(duckdb_result *result);
const char *duckdb_column_name(duckdb_result *result, idx_t column);
duckdb_type duckdb_column_type(duckdb_result *result, idx_t column);
duckdb_logical_type duckdb_column_logical_type(duckdb_result *result, idx_t column);
idx_t duckdb_rows_changed(duckdb_result *result);
duckdb_data_chunk duckdb_fetch_chunk(duckdb_result result);

// Types, chunks and vectors.
duckdb_logical_type duckdb_create_logical_type(duckdb_type type);
duckdb_logical_type duckdb_create_decimal_type(uint8_t width, uint8_t scale);
duckdb_logical_type duckdb_create_list_type(duckdb_logical_type type);
duckdb_type duckdb_get_type_id(duckdb_logical_type type);
duckdb_logical_type duckdb_list_type_child_type(duckdb_logical_type type);
uint8_t duckdb_decimal_width(duckdb_logical_type type);
uint8_t duckdb_decimal_scale(duckdb_logical_type type);
duckdb_type duckdb_decimal_internal_type(duckdb_logical_type type);
void duckdb_destroy_logical_type(duckdb_logical_type *type);
idx_t duckdb_vector_size(void);
duckdb_data_chunk duckdb_create_data_chunk(duckdb_logical_type *types, idx_t column_count);
void duckdb_destroy_data_chunk(duckdb_data_chunk *chunk);
void duckdb_data_chunk_reset(duckdb_data_chunk chunk);
idx_t duckdb_data_chunk_get_column_count(duckdb_data_chunk chunk);
duckdb_vector duckdb_data_chunk_get_vector(duckdb_data_chunk chunk, idx_t column);
idx_t duckdb_data_chunk_get_size(duckdb_data_chunk chunk);
void duckdb_data_chunk_set_size(duckdb_data_chunk chunk, idx_t size);
void *duckdb_vector_get_data(duckdb_vector vector);
uint64_t *duckdb_vector_get_validity(duckdb_vector vector);
void duckdb_vector_ensure_validity_writable(duckdb_vector vector);
duckdb_error_data duckdb_valid_utf8_check(const char *text, idx_t length);
void duckdb_unsafe_vector_assign_string_element_len(duckdb_vector vector, idx_t index, const char *text, idx_t length);
duckdb_vector duckdb_list_vector_get_child(duckdb_vector vector);
idx_t duckdb_list_vector_get_size(duckdb_vector vector);
void duckdb_validity_set_row_invalid(uint64_t *validity, idx_t row);

// The appender.
duckdb_state duckdb_appender_create_ext(duckdb_connection connection, const char *catalog, const char *schema, const char *table, duckdb_appender *out);
duckdb_error_data duckdb_appender_error_data(duckdb_appender appender);
duckdb_state duckdb_append_data_chunk(duckdb_appender appender, duckdb_data_chunk chunk);
duckdb_state duckdb_appender_clear(duckdb_appender appender);
duckdb_state duckdb_appender_flush(duckdb_appender appender);
duckdb_state duckdb_appender_close(duckdb_appender appender);
duckdb_state duckdb_appender_destroy(duckdb_appender *appender);
duckdb_error_type duckdb_error_data_error_type(duckdb_error_data data);
const char *duckdb_error_data_message(duckdb_error_data data);
bool duckdb_error_data_has_error(duckdb_error_data data);
void duckdb_destroy_error_data(duckdb_error_data *data);

// Scalar functions of ours.
duckdb_scalar_function duckdb_create_scalar_function(void);
void duckdb_destroy_scalar_function(duckdb_scalar_function *function);
void duckdb_scalar_function_set_name(duckdb_scalar_function function, const char *name);
void duckdb_scalar_function_add_parameter(duckdb_scalar_function function, duckdb_logical_type type);
void duckdb_scalar_function_set_return_type(duckdb_scalar_function function, duckdb_logical_type type);
void duckdb_scalar_function_set_special_handling(duckdb_scalar_function function);
void duckdb_scalar_function_set_function(duckdb_scalar_function function, duckdb_scalar_function_t callback);
void duckdb_scalar_function_set_extra_info(duckdb_scalar_function function, void *info, duckdb_delete_callback_t destroy);
void *duckdb_scalar_function_get_extra_info(duckdb_function_info info);
void duckdb_scalar_function_set_error(duckdb_function_info info, const char *error);
duckdb_state duckdb_register_scalar_function(duckdb_connection connection, duckdb_scalar_function function);

// Aggregate functions of ours.
duckdb_aggregate_function duckdb_create_aggregate_function(void);
void duckdb_destroy_aggregate_function(duckdb_aggregate_function *function);
void duckdb_aggregate_function_set_name(duckdb_aggregate_function function, const char *name);
void duckdb_aggregate_function_add_parameter(duckdb_aggregate_function function, duckdb_logical_type type);
void duckdb_aggregate_function_set_return_type(duckdb_aggregate_function function, duckdb_logical_type type);
void duckdb_aggregate_function_set_functions(duckdb_aggregate_function function, duckdb_aggregate_state_size size, duckdb_aggregate_init_t init, duckdb_aggregate_update_t update, duckdb_aggregate_combine_t combine, duckdb_aggregate_finalize_t finalize);
void duckdb_aggregate_function_set_destructor(duckdb_aggregate_function function, duckdb_aggregate_destroy_t destroy);
void duckdb_aggregate_function_set_extra_info(duckdb_aggregate_function function, void *info, duckdb_delete_callback_t destroy);
void *duckdb_aggregate_function_get_extra_info(duckdb_function_info info);
duckdb_state duckdb_register_aggregate_function(duckdb_connection connection, duckdb_aggregate_function function);

#endif
