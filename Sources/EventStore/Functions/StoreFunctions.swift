internal import DuckDB
internal import Model

/// The functions of ours that every statement on the store can call.
///
/// * `property_token(properties, name)`: the JSON token of a top-level key, NULL if it is absent or `null`;
/// * `token_text(token)`: what a token says as text;
/// * `person_text(number)`: a person's public id (`p_…`).
enum StoreFunctions {
    static func register(on connection: Connection) throws(DuckDBError) {
        try connection.register(propertyToken)
        try connection.register(tokenText)
        try connection.register(personText)
    }

    static let propertyToken = ScalarFunction(name: "property_token", arity: 2) { arguments, results in
        for row in 0..<arguments.rowCount {
            guard !arguments.anyNull(row: row) else {
                results.setNull(row)
                continue
            }
            let properties = arguments.text(0, row: row)
            if let token = PropertyText.token(of: arguments.text(1, row: row), in: properties) {
                results.set(row, properties.extracting(token))
            } else {
                results.setNull(row)
            }
        }
    }

    static let tokenText = ScalarFunction.rows(name: "token_text", arity: 1) { arguments, row, out in
        PropertyText.appendText(of: arguments.text(0, row: row), to: &out)
        return true
    }

    static let personText = ScalarFunction(name: "person_text", takes: [.int64]) { arguments, results in
        for row in 0..<arguments.rowCount {
            if arguments.isNull(0, row: row) {
                results.setNull(row)
            } else {
                results.set(row, Array(PersonID(arguments.int64(0, row: row)).text.utf8))
            }
        }
    }
}
