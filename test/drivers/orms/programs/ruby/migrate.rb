# frozen_string_literal: true

# ActiveRecord: migrations up, back by one and up again, and the schema that they make.
require "active_record"
require "stringio"

ActiveRecord::Base.establish_connection(
  adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"], database: ENV["PGDATABASE"],
  username: ENV["PGUSER"], password: ENV["PGPASSWORD"], pool: 1
)
ActiveRecord::Migration.verbose = false
context = ActiveRecord::MigrationContext.new("migrate", ActiveRecord::SchemaMigration)
context.migrate
p context.current_version, context.needs_migration?
context.rollback(2)
context.migrate
out = StringIO.new
ActiveRecord::SchemaDumper.dump(ActiveRecord::Base.connection, out)
puts out.string
