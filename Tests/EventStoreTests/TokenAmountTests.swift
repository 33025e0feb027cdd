import DuckDB
import Testing

@testable import EventStore

@Suite("A number as a decimal is what the engine's cast would make of it")
struct TokenAmountTests {
    /// What it was before there was a function of ours.
    private static let cast =
        "CASE WHEN abs(token_number($1)) < 1e18 THEN TRY_CAST(token_text($1) AS DECIMAL(38, 9)) END"

    @Test(arguments: [
        ("12.50", "12.500000000"), ("-12.5", "-12.500000000"), ("0", "0.000000000"), ("-0", "0.000000000"),
        (#""12.50""#, "12.500000000"), (#""12,50""#, "-"), (#""""#, "-"), ("true", "-"), (#"" 1""#, "-"),
        ("0.0000000005", "0.000000001"), ("0.00000000049999", "0.000000000"), ("-0.0000000015", "-0.000000002"),
        ("9.9999999995", "10.000000000"), ("1e3", "1000.000000000"), ("1.5E+2", "150.000000000"),
        ("25e-10", "0.000000003"), ("0e99999999999", "0.000000000"), ("1e-99999999999", "0.000000000"),
        ("999999999999999900", "999999999999999900.000000000"), ("999999999999999999", "-"), ("1e18", "-"),
        ("-1000000000000000000", "-"), ("1e400", "-"),
        ("100000000000000000.0000000015", "100000000000000000.000000002"),
        ("00012", "-"), ("1.", "-"),
    ])
    func golden(_ token: String, _ amount: String) throws {
        let store = try MemoryStore()
        try TokenFunctions.register(on: store.connection)
        let rows = try store.connection.rows("SELECT CAST(token_amount($1) AS VARCHAR)", [.text(token)])
        #expect(rows[0][0].text ?? "-" == amount)
    }

    @Test func theEngineSaysTheSame() throws {
        let store = try MemoryStore()
        try TokenFunctions.register(on: store.connection)
        var random = SeededGenerator(seed: 20)
        for _ in 0..<3_000 {
            let token = Self.token(&random)
            let rows = try store.connection.rows(
                "SELECT CAST(token_amount($1) AS VARCHAR), CAST(\(Self.cast) AS VARCHAR)", [.text(token)])
            #expect(rows[0][0].text == rows[0][1].text, "\(token)")
        }
    }

    /// A number of up to 20 digits before the point and 14 after it.
    private static func token(_ random: inout SeededGenerator) -> String {
        var token = Bool.random(using: &random) ? "-" : ""
        token += String(UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...63, using: &random))
        let places = Int.random(in: 0...14, using: &random)
        if places > 0 { token += "." }
        for _ in 0..<places { token += String(Int.random(in: 0...9, using: &random)) }
        return Bool.random(using: &random) ? token : "\"\(token)\""
    }
}
