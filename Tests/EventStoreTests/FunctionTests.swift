import DuckDB
import Model
import Testing

@testable import EventStore

@Suite("SQL reads properties as they are written")
struct FunctionTests {
    @Test(arguments: [
        (#"{"a":1.50}"#, "a", "1.50", "1.50"),
        (#"{"a":12345678901234567890.10e5}"#, "a", "12345678901234567890.10e5", "12345678901234567890.10e5"),
        (#"{"b":{"a":1},"a":"x\n\"\u00e9\ud83d\ude00"}"#, "a", #""x\n\"\u00e9\ud83d\ude00""#, "x\n\"é😀"),
        (#"{"b":"a","a":{"k":[1,2]}}"#, "a", #"{"k":[1,2]}"#, #"{"k":[1,2]}"#),
        (#"{"a":true,"a":false}"#, "a", "true", "true"),
        (#"{"\u0061":""}"#, "a", #""""#, ""),
        (#"{"a":null}"#, "a", "-", "-"),
        (#"{"a":null,"a":1}"#, "a", "-", "-"),
        (#"{"aa":1}"#, "a", "-", "-"),
        ("{}", "a", "-", "-"),
        ("", "a", "-", "-"),
        ("[1]", "a", "-", "-"),
        (#"{"b":oops,"a":1}"#, "a", "-", "-"),
        (#" { "b" : [ ] , "a" : 7 } "#, "a", "7", "7"),
    ])
    func tokensAndTexts(_ object: String, _ name: String, _ token: String, _ text: String) throws {
        let store = try MemoryStore()
        let rows = try store.connection.rows(
            "SELECT property_token($1, $2), token_text(property_token($1, $2))", [.text(object), .text(name)])
        #expect(rows[0].map { $0.text ?? "-" } == [token, text])
    }

    @Test func nullsStayNull() throws {
        let store = try MemoryStore()
        #expect(
            try store.rows("SELECT property_token(NULL, 'a'), property_token('{}', NULL), token_text(NULL)") == [
                "-|-|-"
            ])
    }

    @Test func aPersonsNumberHasItsPublicForm() throws {
        let store = try MemoryStore()
        #expect(
            try store.rows("SELECT person_text(1), person_text(40::BIGINT), person_text(NULL::BIGINT)") == [
                "\(PersonID(1).text)|\(PersonID(40).text)|-"
            ])
        #expect(
            try store.rows("SELECT count(DISTINCT person_text(range)) FROM range(5000)") == ["5000"])
    }
}
