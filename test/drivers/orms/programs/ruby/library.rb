# frozen_string_literal: true

# ActiveRecord: its schema reads, and reads and writes through models.
require "active_record"
require "stringio"

ActiveRecord::Base.establish_connection(
  adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"], database: ENV["PGDATABASE"],
  username: ENV["PGUSER"], password: ENV["PGPASSWORD"], pool: 1
)

class Publisher < ActiveRecord::Base
  has_many :books
end

class Book < ActiveRecord::Base
  belongs_to :publisher
  has_many :loans
end

class Loan < ActiveRecord::Base
  self.locking_column = "version"
  belongs_to :book
end

class Language < ActiveRecord::Base
  self.primary_key = "code"
end

connection = ActiveRecord::Base.connection
p connection.tables.sort, connection.views, connection.data_sources.sort
p connection.schema_names, connection.current_schema, connection.extensions
connection.tables.sort.each do |table|
  p table, connection.columns(table).map { |c| [c.name, c.sql_type, c.null, c.default_function, c.comment] }
  p connection.indexes(table).map { |i| [i.name, i.columns, i.unique, i.where, i.orders] }
  p connection.foreign_keys(table).map { |f| [f.to_table, f.column, f.primary_key, f.on_delete] }
  p connection.check_constraints(table).map { |c| [c.name, c.expression] }
  p connection.primary_keys(table), connection.table_comment(table)
end
p connection.pk_and_sequence_for("publishers")
p connection.index_name_exists?("books", "books_title"), connection.table_exists?("books"), connection.encoding, connection.collation
out = StringIO.new
ActiveRecord::SchemaDumper.dump(connection, out)
puts out.string.gsub(/"(nobody|acme)"/, '"tenant"')

p Book.order(:id).map { |b| [b.id, b.title, b.price.to_s, b.tags, b.attrs, b.shelf, b.published] }
p Book.includes(:publisher, :loans).order(:id).map { |b| [b.publisher.name, b.loans.map(&:who)] }
p Publisher.joins(:books).group("publishers.name").order("publishers.name").sum("books.price").transform_values(&:to_s)
p Book.where("lower(title) LIKE ?", "%n%").where(lent: [true, false]).count, Book.exists?(1), Language.find("de").name
p Book.eager_load(:loans).where(loans: { who: "Bela" }).limit(1).pluck(:id)
ActiveRecord::Base.transaction do
  publisher = Publisher.create!(id: 60, name: "Delta", created_at: Time.at(0))
  book = publisher.books.create!(id: 700, title: "made", price: 3)
  Book.insert_all([{ id: 701, title: "x", publisher_id: 60 }, { id: 702, title: "y", publisher_id: 60 }])
  Publisher.upsert({ id: 60, name: "Delta two", created_at: Time.at(0) })
  loan = Loan.create!(id: 60, book: book, who: "me")
  loan.update!(who: "you")
  p loan.version, publisher.reload.name, book.lock!.title, Book.where(id: 701..702).update_all(price: 9)
  Book.find_each(batch_size: 2) { |b| p b.id }
  ActiveRecord::Base.transaction(requires_new: true) do
    Publisher.create!(id: 60, name: "again", created_at: Time.at(0))
  rescue ActiveRecord::RecordNotUnique => e
    p e.class
    raise ActiveRecord::Rollback
  end
  p publisher.books.count
  raise ActiveRecord::Rollback
end
p connection.get_advisory_lock(1234), connection.release_advisory_lock(1234)
p Book.count
