# frozen_string_literal: true

class ChangeItems < ActiveRecord::Migration[6.1]
  disable_ddl_transaction!

  def change
    rename_column :items, :title, :label
    rename_table :shelves, :racks
    add_check_constraint :items, "weight >= 0", name: "items_weight"
    add_index :items, :label, algorithm: :concurrently
    add_column :items, :tags, :string, array: true, default: []
    change_column_comment :items, :tags, from: nil, to: "free words"
  end
end
