import EventStore
import Model
import Testing

@testable import Exports

/// What a writing function appends to a buffer that has something in it already.
private func written(_ text: [UInt8], _ body: (inout Output, UnsafePointer<UInt8>, Int) -> Void) -> String {
    var out = Output(capacity: 8)
    out.append([0x3e])
    unsafe text.withUnsafeBufferPointer { bytes in
        // Lent for the call; a text of no bytes needs an address, too.
        var none: UInt8 = 0
        unsafe withUnsafePointer(to: &none) { empty in unsafe body(&out, bytes.baseAddress ?? empty, bytes.count) }
    }
    return unsafe String(decoding: out.bytes, as: UTF8.self)
}

private func csv(_ text: String) -> String {
    unsafe written(Array(text.utf8)) { out, start, count in unsafe out.put(csv: start, count) }
}

private func json(_ text: String) -> String {
    unsafe written(Array(text.utf8)) { out, start, count in unsafe out.put(jsonString: start, count) }
}

/// What the picker finds for names in an object, as text.
private func picked(_ names: [String], _ object: String) -> [String?] {
    var picker = PropertyPicker(names)
    let bytes = Array(object.utf8)
    unsafe bytes.withUnsafeBufferPointer { buffer in
        // Lent for the call.
        if let start = buffer.baseAddress { unsafe picker.read(start, buffer.count) }
    }
    return picker.found.map { $0.isEmpty ? nil : String(decoding: bytes[$0], as: UTF8.self) }
}

/// What the store's own function finds.
private func token(_ name: String, _ object: String) -> String? {
    let bytes = Array(object.utf8)
    return PropertyText.token(of: Array(name.utf8).span, in: bytes.span).map {
        String(decoding: bytes[$0], as: UTF8.self)
    }
}

@Suite("Fields are written byte for byte")
struct WriterTests {
    private static func texts(_ seed: Int) -> [String] {
        var generator = SeededGenerator(seed: seed)
        let pieces = ["a", "b", "\"", ",", "\n", "\r", "\0", "😀", "é", "\\", "\t", "plain text", "\"\"", "\u{1}"]
        return (0..<3_000).map { i in
            let weights = i % 3 == 0 ? pieces : i % 3 == 1 ? ["a", "bc", "\""] : ["a", "é", "xyz"]
            return (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
                weights.randomElement(using: &generator) ?? ""
            }
            .joined()
        } + [String(repeating: "x\"", count: 16_384), String(repeating: "y", count: 32_768)]
    }

    @Test func csvFields() {
        for text in Self.texts(1) {
            let needsQuotes = text.isEmpty || text.utf8.contains { [0x22, 0x2c, 0x0a, 0x0d].contains($0) }
            let doubled = text.utf8.flatMap { $0 == 0x22 ? [0x22, 0x22] : [$0] }
            let plain = String(decoding: doubled, as: UTF8.self)
            #expect(csv(text) == ">" + (needsQuotes ? "\"\(plain)\"" : plain))
        }
    }

    @Test func jsonStrings() {
        for text in Self.texts(2) { #expect(json(text) == ">" + JSONValue.string(text).text) }
    }

    @Test func numbersTimesAndPeople() {
        var numbers = NumberWriter()
        var generator = SeededGenerator(seed: 3)
        var values: [Int64] = [0, 9, 10, 99, 100, 1_000_000, .max, .min, -1, -10]
        for bits in 1..<63 { values.append(Int64.random(in: 0..<(1 << Int64(bits)), using: &generator)) }
        for value in values {
            var out = Output(capacity: 64)
            numbers.put(value, &out)
            #expect(unsafe String(decoding: out.bytes, as: UTF8.self) == String(value))
            out.removeAll()
            NumberWriter.put(person: value, &out)
            #expect(unsafe String(decoding: out.bytes, as: UTF8.self) == PersonID(value).text)
        }
        for _ in 0..<2_000 {
            let range = Timestamp.earliest.microseconds...Timestamp.latest.microseconds
            let time = Timestamp(microseconds: Int64.random(in: range, using: &generator))
            var out = Output(capacity: 64)
            numbers.put(time: time.microseconds, &out)
            #expect(unsafe String(decoding: out.bytes, as: UTF8.self) == time.text)
        }
    }

    @Test(arguments: [
        "{}", #"{"a":1}"#, #"{"b":{"a":2,"x":"}"},"a":[1,{"a":3}],"a":9}"#, #"{"a":null,"a":4}"#,
        #"{"\u0061":"esc","a":2}"#,
        #"{"a":"x\"y,}","":5,"é":true}"#, #"{"long key that is not wanted":"\\","a":"\\\""}"#, "[1]", "", "{\"a\":",
        "{\"a", "{\"a\":\"x",
    ])
    func thePickerFindsWhatTheStoreFinds(_ object: String) {
        let names = ["a", "", "é", "b", "none"]
        guard (try? JSONValue(text: object)) != nil || object.contains("\"a\":null") || object.contains("\"a\":9")
        else {
            // Cut off texts are never stored; they must only do no harm.
            #expect(picked(names, object).count == names.count)
            return
        }
        #expect(picked(names, object) == names.map { token($0, object) })
    }
}
