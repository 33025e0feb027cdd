/// A file that goes with a mail.
public struct MailAttachment: Sendable, Equatable {
    /// Of plain characters.
    public var name: String
    public var type: String
    public var bytes: [UInt8]

    public init(name: String, type: String, bytes: [UInt8]) {
        self.name = name
        self.type = type
        self.bytes = bytes
    }
}

/// A mail: from whom, to whom, and what it says, as text and perhaps as HTML.
public struct MailMessage: Sendable, Equatable {
    /// The same whenever it is sent again.
    public var id: String
    public var from: MailAddress
    public var to: [MailAddress]
    public var subject: String
    public var text: String
    public var html: String?
    public var attachments: [MailAttachment]
    /// When it is sent, in seconds since 1970.
    public var seconds: Int64

    public init(
        id: String, from: MailAddress, to: [MailAddress], subject: String, text: String, html: String? = nil,
        attachments: [MailAttachment] = [], seconds: Int64
    ) {
        self.id = id
        self.from = from
        self.to = to
        self.subject = subject
        self.text = text
        self.html = html
        self.attachments = attachments
        self.seconds = seconds
    }

    /// The mail as it goes over the wire. Whatever it says, nothing of it can begin a header or a part: headers are encoded, bodies
    /// are base 64.
    public var bytes: [UInt8] {
        // An id is of plain characters; what is not is not written.
        let id = id.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
        var out = [
            "Date: \(Self.date(seconds))", "From: \(from.header)",
            "To: \(to.map(\.header).joined(separator: ",\r\n "))",
            "Subject: \(MailText.unstructured(MailText.line(subject)))", "Message-ID: <\(id)@\(from.domain)>",
            "Auto-Submitted: auto-generated", "webhook-id: \(id)", "MIME-Version: 1.0", "",
        ].joined(separator: "\r\n")
        // Base 64 has no underscore, so no body has a mark in it.
        let body = content("_part_\(id.suffix(40))")
        guard !attachments.isEmpty else { return Array((out + body).utf8) }
        let outer = "_file_\(id.suffix(40))"
        out += "Content-Type: multipart/mixed; boundary=\"\(outer)\"\r\n\r\n--\(outer)\r\n\(body)"
        var bytes = Array(out.utf8)
        for attachment in attachments {
            let name = attachment.name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
            bytes += Array(
                ("--\(outer)\r\nContent-Type: \(attachment.type)\r\nContent-Transfer-Encoding: base64\r\n"
                    + "Content-Disposition: attachment; filename=\"\(name)\"\r\n\r\n").utf8)
            bytes += MailText.body(attachment.bytes)
            bytes += Array("\r\n".utf8)
        }
        return bytes + Array("--\(outer)--\r\n".utf8)
    }

    /// What it says, as text and perhaps as HTML, with the headers of that.
    private func content(_ mark: String) -> String {
        let plain = Self.part("plain", text)
        guard let html else { return plain }
        return "Content-Type: multipart/alternative; boundary=\"\(mark)\"\r\n\r\n"
            + "--\(mark)\r\n\(plain)--\(mark)\r\n\(Self.part("html", html))--\(mark)--\r\n"
    }

    private static func part(_ kind: String, _ text: String) -> String {
        "Content-Type: text/\(kind); charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + MailText.body(text)
    }

    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// A time as mail writes it, in UTC.
    static func date(_ seconds: Int64) -> String {
        let seconds = max(0, seconds)
        let (day, rest) = (seconds / 86_400, seconds % 86_400)
        // Days since 0000-03-01, in eras of 400 years.
        let z = day + 719_468
        let era = z / 146_097
        let inEra = z - era * 146_097
        let yearOfEra = (inEra - inEra / 1_460 + inEra / 36_524 - inEra / 146_096) / 365
        let inYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * inYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(days[Int(day % 7)]), \(two(inYear - (153 * march + 2) / 5 + 1)) \(months[Int(month) - 1]) \(year) "
            + "\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60)) +0000"
    }
}
